// The list of messages is one tab stop: the arrows up and down, Home and End move the focus between messages, the arrows left and
// right between the links and buttons of a message.

/** Whether a key is pressed without Ctrl, Alt or Meta, and not as part of a composition. @param {KeyboardEvent} event */
export const isPlain = event => !(event.ctrlKey || event.metaKey || event.altKey || event.isComposing);

/** @param {HTMLElement} log @param {(row: any) => void} choose opens the menu of a message @param {() => void} leave */
export function roving(log, choose, leave) {
  log.addEventListener('keydown', event => {
    if (!isPlain(event) || event.shiftKey) return;
    const rows = /** @type {HTMLElement[]} */ ([...log.querySelectorAll('.row')]);
    const target = /** @type {Element} */ (event.target);
    const row = /** @type {HTMLElement | null} */ (target.closest('.row'));
    const at = row ? rows.indexOf(row) : rows.length;
    const parts = row ? [row, .../** @type {HTMLElement[]} */ ([...row.querySelectorAll('a, button')]).filter(part => part.checkVisibility({ visibilityProperty: true }))] : [];
    const part = parts.indexOf(/** @type {any} */ (target));
    const onward = getComputedStyle(log).direction === 'rtl' ? -1 : 1;
    const next = {
      ArrowUp: () => rows[Math.max(0, at - 1)], ArrowDown: () => rows[Math.min(rows.length - 1, at + 1)],
      Home: () => rows[0], End: () => rows.at(-1),
      ArrowRight: () => parts[part + onward], ArrowLeft: () => parts[part - onward],
    }[event.key]?.();
    if (next) {
      next.focus({ preventScroll: true });
      next.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Escape') leave();
    else if (target === row && [' ', 'Enter'].includes(event.key)) choose(row);
    else if (!/^(Arrow(Up|Down)|Home|End)$/.test(event.key)) return;
    event.preventDefault();
  });
}
