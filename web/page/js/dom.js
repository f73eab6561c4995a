// Elements, made of data. Text is only ever text: nothing here, or anywhere on this page, parses HTML.

/**
 * Makes an element: `h('button', { class: 'send', onclick: send }, 'Send')`.
 * Functions become listeners, `true` an attribute without a value, `undefined`, `null` and `false` nothing.
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

/** Sets an attribute, or takes it away. @param {Element} element @param {string} name @param {any} value */
export function set(element, name, value) {
  if (value === undefined || value === null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value === true ? '' : value)) element.setAttribute(name, value === true ? '' : String(value));
}

/** Changes a text, if it is another one: what does not change is not announced again. @param {Element} element @param {string} text */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Brings the children of an element into line with a list, and leaves alone those that are right.
 *
 * @template T
 * @param {Element} parent
 * @param {T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => any} make makes an element
 * @param {(element: any, item: T) => void} update
 */
export function reconcile(parent, items, key, make, update) {
  const held = new Map([...parent.children].map(child => [/** @type {HTMLElement} */ (child).dataset.key, child]));
  let next = parent.firstElementChild;
  for (const item of items) {
    const id = key(item);
    let element = held.get(id);
    held.delete(id);
    if (!element) {
      element = make(item);
      /** @type {HTMLElement} */ (element).dataset.key = id;
    }
    if (element === next) next = next.nextElementSibling;
    else parent.insertBefore(/** @type {Element} */ (element), next);
    update(element, item);
  }
  for (const element of held.values()) element.remove();
}

/** Puts a style sheet into an element, and waits until it is there. @param {Node} parent @param {string} href */
export const styled = (parent, href) => new Promise(done => parent.appendChild(h('link', { rel: 'stylesheet', href, onload: done, onerror: done })));

/** Loads something when it is first wanted; after a failure, anew when it is wanted again. @template T @param {() => Promise<T>} load @returns {() => Promise<T>} */
export function lazily(load) {
  /** @type {Promise<T> | undefined} */ let loading;
  return () => (loading ??= load().catch(error => {
    loading = undefined;
    throw error;
  }));
}

/** Lets something happen once, soon, however often it is asked for. @param {() => void} work */
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

/** Whether things may move. */
export const lively = () => !matchMedia('(prefers-reduced-motion: reduce)').matches;
