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
    const days = [...log.querySelectorAll('.divider:not(.new)')];
    const above = days.findLast(day => day.getBoundingClientRect().bottom < top);
    const near = days.some(day => Math.abs(day.getBoundingClientRect().top - top) < 40);
    clearTimeout(timer);
    if (!above || near) return hide();
    write(text, above.textContent ?? '');
    element.classList.add('shown');
    timer = setTimeout(hide, STAYS);
  } };
}
