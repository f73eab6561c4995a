// The base of the elements: each draws in its own shadow tree, with the same style sheet.

import sheet from '../css/element.css';
import { styled } from './dom.js';
import { quit } from './shared.js';

/** The address of the hub that serves this module: from `v1/`, or for its own page from `assets/`. */
const HUB = new URL('..', import.meta.url).href;

/** The base class of the elements. */
export class Part extends HTMLElement {
  shadow = this.attachShadow({ mode: 'open' });
  /** @type {Promise<unknown> | undefined} */ #styled;

  /** The hub with its base path. */
  get base() {
    return this.getAttribute('base') || HUB;
  }

  /** The other user, from the attribute `user`. @returns {number | undefined} */
  get user() {
    return Number(this.getAttribute('user')) || undefined;
  }

  /** Dispatches an event to the page around the element. @param {string} name @param {object} detail @returns {boolean} false if a listener has called `preventDefault()` */
  tell(name, detail) {
    return this.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true, cancelable: true, detail }));
  }

  /** Adds the style sheet to the shadow tree, once, and waits for it: the element shows nothing before. */
  styled() {
    return (this.#styled ??= styled(this.shadow, sheet));
  }

  draw() {}

  disconnectedCallback() {
    quit(this);
  }
}

/** Defines an element, unless the page has it already. @param {string} name @param {CustomElementConstructor} element */
export const define = (name, element) => void (customElements.get(name) ?? customElements.define(name, element));
