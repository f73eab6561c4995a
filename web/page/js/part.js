// What the elements have in common: each draws in a shadow of its own, with the style sheet of all.

import sheet from '../css/element.css';
import { styled } from './dom.js';
import { quit } from './shared.js';

/** The hub that serves this module: from `v1/`, or for its own page from `assets/`. */
const HUB = new URL('..', import.meta.url).href;

/** What all elements have in common. */
export class Part extends HTMLElement {
  shadow = this.attachShadow({ mode: 'open' });
  /** @type {Promise<unknown> | undefined} */ #styled;

  /** The hub with its base path. */
  get base() {
    return this.getAttribute('base') || HUB;
  }

  /** Whom the element is about. @returns {number | undefined} */
  get user() {
    return Number(this.getAttribute('user')) || undefined;
  }

  /** Tells the page around it that something has happened. @param {string} name @param {object} detail @returns {boolean} whether the page lets it go on */
  tell(name, detail) {
    return this.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true, cancelable: true, detail }));
  }

  /** Puts the style sheet into the shadow, once, and waits for it: nothing is shown before. */
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
