// Messages out of sight rest: the browser neither lays them out nor paints them, and remembers how high they were when it did. A
// conversation of thousands costs as much then as what is in sight.

/**
 * Returns what lets everything rest that has been drawn: from the frame on that follows the one in which the browser has laid it out.
 * @param {HTMLElement} log @returns {() => void}
 */
export function resting(log) {
  let width = 0;
  const rest = () => {
    if (document.hidden) return; // there are no frames; what was drawn meanwhile rests after what is drawn then
    requestAnimationFrame(() => {
      const laidOut = log.querySelectorAll('.row:not(.resting)');
      requestAnimationFrame(() => laidOut.forEach(row => row.classList.add('resting')));
    });
  };
  // In a log of another width everything is of another height.
  new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width === width) return;
    width = contentRect.width;
    for (const row of log.children) row.classList.remove('resting');
    rest();
  }).observe(log);
  return rest;
}
