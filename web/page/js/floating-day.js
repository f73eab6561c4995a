// The day of the topmost visible message, shown while the user scrolls.

import { h, write } from './dom.js';

/** How long it stays after the last scroll, in ms. */
const STAYS = 1200;

/** @param {HTMLElement} log */
export function floatingDay(log) {
  /** @type {number | undefined} */ let timer;
  const text = h('span', {});
  const element = h('div', { class: 'floating-day', 'aria-hidden': 'true' }, text);
  const hide = () => element.classList.remove('shown');
  return { element, hide, /** Shows the day, unless its own line is in sight. */ scrolled() {
    const { top } = element.getBoundingClientRect();
    const days = (/** @type {Element} */ stretch) => [...stretch.querySelectorAll('.divider:not(.new)')];
    // The days of the visible stretch and of its neighbours alone are measured: those of a resting one would be laid out for it.
    const stretches = [...log.children];
    const at = stretches.findIndex(stretch => stretch.getBoundingClientRect().bottom > top);
    const measured = stretches.slice(Math.max(0, at), at + 2).flatMap(days);
    const above = measured.findLast(day => day.getBoundingClientRect().bottom < top) ?? stretches.slice(0, Math.max(0, at)).flatMap(days).at(-1);
    const near = measured.some(day => Math.abs(day.getBoundingClientRect().top - top) < 40);
    clearTimeout(timer);
    if (!above || near) return hide();
    write(text, above.textContent ?? '');
    element.classList.add('shown');
    timer = setTimeout(hide, STAYS);
  } };
}
