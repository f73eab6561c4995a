// Long presses: not every browser on a phone sends a `contextmenu` event for one.

/** How long a press must last, in ms: less than a browser waits. */
const LONG = 450;
/** How far the finger may move, in px. */
const STILL = 8;

/** Calls `held` after a long press on an element. @param {HTMLElement} element @param {() => void} held */
export function onLongPress(element, held) {
  /** @type {number | undefined} */ let timer;
  let [x, y] = [0, 0];
  let pressed = false;
  const stop = () => clearTimeout(timer);
  element.addEventListener('pointerdown', event => {
    stop();
    pressed = false;
    if (event.pointerType !== 'touch' || /** @type {Element} */ (event.target).closest('a, button')) return;
    [x, y] = [event.clientX, event.clientY];
    timer = setTimeout(() => {
      pressed = true;
      held();
    }, LONG);
  });
  element.addEventListener('pointermove', event => Math.hypot(event.clientX - x, event.clientY - y) > STILL && stop());
  for (const end of ['pointerup', 'pointercancel']) element.addEventListener(end, stop);
  // A browser's own `contextmenu` comes later: it is suppressed.
  element.addEventListener('contextmenu', event => {
    stop();
    if (!pressed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  });
}
