// Stretches of messages out of sight rest (`content-visibility`): the browser neither lays them out nor paints them, and remembers
// their height. A conversation of thousands of messages then costs only as much as the visible ones.

/**
 * Returns a function that lets all drawn stretches rest, after the frame in which the browser has laid them out.
 * @param {HTMLElement} log @returns {() => void}
 */
export function resting(log) {
  let [width, frame] = [0, 0];
  const rest = () => {
    if (document.hidden) return; // there are no frames: these stretches rest after the next draw of a visible page
    cancelAnimationFrame(frame); // what is drawn anew is to be laid out anew
    frame = requestAnimationFrame(() => {
      const laidOut = log.querySelectorAll('.stretch:not(.resting)');
      frame = requestAnimationFrame(() => laidOut.forEach(stretch => stretch.classList.add('resting')));
    });
  };
  // A log of another width gives its messages other heights.
  new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width === width) return;
    width = contentRect.width;
    for (const stretch of log.children) stretch.classList.remove('resting');
    rest();
  }).observe(log);
  return rest;
}
