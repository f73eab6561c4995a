// A finger that stays where it is: not every browser of a phone tells a page that it would open a menu.

/** How long it stays, in ms: less than what a browser waits. */
const LONG = 450;
/** How far it may move, in px. */
const STILL = 8;

/** Calls when a finger is held on an element. @param {HTMLElement} element @param {() => void} held */
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
  // A browser that does open a menu comes too late.
  element.addEventListener('contextmenu', event => {
    stop();
    if (!pressed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  });
}
