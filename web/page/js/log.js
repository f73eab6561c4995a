// Draws the rows of a conversation: days, messages and unsent entries, in stretches.

import { bubble, fill } from './bubble.js';
import { h, reconcile, write } from './dom.js';
import { stretches } from './stretches.js';

/** @param {HTMLElement} log @param {HTMLElement} scroller @param {import('./bubble.js').Context} context */
export function drawing(log, scroller, context) {
  let stretched = stretches();
  const inLog = () => /** @type {HTMLElement[]} */ ([...log.querySelectorAll('.stretch > *')]);

  /** @param {any} item */
  function make(item) {
    if (item.title) return h('div', { class: item.key === 'new' ? 'divider new' : 'divider' }, h('span', {}, item.title));
    return bubble(item, context);
  }

  /** @param {any} element @param {any} item */
  function update(element, item) {
    if (item.title) write(element.firstElementChild, item.title);
    else fill(element, item, context);
  }

  return {
    /** Removes all rows: those of another conversation or history follow. */ clear() {
      log.replaceChildren();
      stretched = stretches();
    },

    /** Draws the rows as they are now; new ones at the end are animated. @param {any[]} items */ draw(items) {
      const before = inLog();
      const held = new Map(before.map(row => [row.dataset.key, row]));
      reconcile(log, stretched(items), ({ key }) => key, () => h('div', { class: 'stretch' }), (stretch, { items }) => {
        // An entry may move from one stretch to another.
        const changed = reconcile(stretch, items, ({ key }) => key, item => held.get(item.key) ?? make(item), update);
        if (changed) stretch.classList.remove('resting'); // its height, too
      });
      const [newest, after] = [before.at(-1), inLog()];
      if (newest?.isConnected) for (const row of after.slice(after.indexOf(newest) + 1)) row.classList.add('arriving');
    },

    /** Returns a function that keeps the first visible message in place, whatever was inserted or changed above it. */ hold() {
      const edge = scroller.getBoundingClientRect().top;
      const inSight = (/** @type {Element} */ element) => element.getBoundingClientRect().bottom > edge;
      // Only the messages of a visible stretch have a place: those of a resting one would be laid out to tell it.
      const rows = [...log.children].find(inSight)?.querySelectorAll('.row') ?? [];
      const row = [...rows].find(inSight);
      const top = row?.getBoundingClientRect().top ?? 0;
      return () => {
        const moved = row?.isConnected ? row.getBoundingClientRect().top - top : 0;
        if (moved) scroller.scrollTop += moved;
      };
    },
  };
}
