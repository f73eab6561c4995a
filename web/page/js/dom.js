// Makes elements from data. Text stays text: no code of this page parses HTML.

/**
 * Makes an element: `h('button', { class: 'send', onclick: send }, 'Send')`.
 * Functions become listeners, `true` an attribute without a value; `undefined`, `null` and `false` are left out.
 *
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...any} children
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else set(element, name, value);
  }
  element.append(...children.flat().filter(child => child !== undefined && child !== null && child !== false));
  return element;
}

/** Sets or removes an attribute. @param {Element} element @param {string} name @param {any} value */
export function set(element, name, value) {
  if (value === undefined || value === null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value === true ? '' : value)) element.setAttribute(name, value === true ? '' : String(value));
}

/** Sets a text, if it differs: screen readers would announce an equal one again. @param {Element} element @param {string} text */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Makes the children of an element match a list, by key; those that are right already are not moved.
 *
 * @template T
 * @param {Element} parent
 * @param {T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => any} make makes an element
 * @param {(element: any, item: T) => void} update
 * @returns {boolean} whether children were added, moved or removed
 */
export function reconcile(parent, items, key, make, update) {
  const held = new Map([...parent.children].map(child => [/** @type {HTMLElement} */ (child).dataset.key, child]));
  let next = parent.firstElementChild;
  let changed = false;
  for (const item of items) {
    const id = key(item);
    let element = held.get(id);
    held.delete(id);
    if (!element) {
      element = make(item);
      /** @type {HTMLElement} */ (element).dataset.key = id;
    }
    if (element === next) next = next.nextElementSibling;
    else {
      parent.insertBefore(/** @type {Element} */ (element), next);
      changed = true;
    }
    update(element, item);
  }
  for (const element of held.values()) element.remove();
  return changed || held.size > 0;
}

/** Adds a style sheet to an element, and waits until it has loaded or failed. @param {Node} parent @param {string} href */
export const styled = (parent, href) => new Promise(done => parent.appendChild(h('link', { rel: 'stylesheet', href, onload: done, onerror: done })));

/** Returns a function that loads something once, at its first call; after a failure the next call loads again. @template T @param {() => Promise<T>} load @returns {() => Promise<T>} */
export function lazily(load) {
  /** @type {Promise<T> | undefined} */ let loading;
  return () => (loading ??= load().catch(error => {
    loading = undefined;
    throw error;
  }));
}

/** Returns a function that runs `work` in a microtask, once for all calls before. @param {() => void} work */
export function soon(work) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    queueMicrotask(() => {
      asked = false;
      work();
    });
  };
}

/** Whether the user allows animations. */
export const lively = () => !matchMedia('(prefers-reduced-motion: reduce)').matches;
