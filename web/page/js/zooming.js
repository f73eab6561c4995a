// Zooms and moves a picture by fingers, wheel or keys. Zooms at the pointer; a swipe to the side goes to the next picture, a
// swipe down closes the lightbox.

const MOST = 6;
/** The scale after a double tap, or after the zoom button. */
const NEAR = 2.5;
/** How far a finger must move for a swipe, and how far it may move in a tap, in px. */
const [SWIPE, STILL] = [56, 10];
/** Within which time two taps are a double tap, in ms. */
const TWICE = 320;

/**
 * @param {HTMLElement} element receives the events @param {HTMLElement} picture
 * @param {{swiped: (by: number) => void, away: () => void, zoomed: (on: boolean) => void}} on
 */
export function zooming(element, picture, on) {
  let [scale, x, y] = [1, 0, 0];
  /** The positions of the fingers, by pointer. @type {Map<number, {x: number, y: number}>} */ const fingers = new Map();
  /** Where a single finger began; undefined after there were two. @type {{x: number, y: number} | undefined} */ let began;
  let tapped = { at: 0, x: 0, y: 0 };

  function draw() {
    // Keep the picture on the screen.
    const { offsetWidth: width, offsetHeight: height } = picture;
    const room = (/** @type {number} */ size, /** @type {number} */ frame) => Math.max(0, (size * scale - frame) / 2);
    const [right, down] = [room(width, element.clientWidth), room(height, element.clientHeight)];
    if (scale === 1) [x, y] = [0, 0];
    else [x, y] = [Math.max(-right, Math.min(right, x)), Math.max(-down, Math.min(down, y))];
    picture.style.setProperty('transform', scale === 1 ? 'none' : `translate(${x}px, ${y}px) scale(${scale})`);
    element.classList.toggle('zoomed', scale > 1);
    on.zoomed(scale > 1);
  }

  /** Zooms, and keeps a point of the picture in place. @param {number} to @param {{x: number, y: number}} [point] */
  function zoom(to, point = { x: element.clientWidth / 2, y: element.clientHeight / 2 }) {
    const before = scale;
    scale = Math.max(1, Math.min(MOST, to));
    const [dx, dy] = [point.x - element.clientWidth / 2, point.y - element.clientHeight / 2];
    x = dx - (dx - x) * (scale / before);
    y = dy - (dy - y) * (scale / before);
    draw();
  }

  function reset() {
    [scale, x, y] = [1, 0, 0];
    fingers.clear();
    draw();
  }

  /** @param {{x: number, y: number}} [point] */
  const toggle = point => zoom(scale > 1 ? 1 : NEAR, point);

  /** The middle and the distance of two fingers. */
  function span() {
    const [a, b] = [...fingers.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.hypot(a.x - b.x, a.y - b.y) };
  }

  element.addEventListener('pointerdown', event => {
    // A swipe of a finger may begin on a button, without a click; a mouse that moves on a button still clicks it.
    if (event.pointerType === 'mouse' && /** @type {Element} */ (event.target).closest('button, a')) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    began = fingers.size === 1 ? { x: event.clientX, y: event.clientY } : undefined;
    if (event.target === picture) picture.setPointerCapture(event.pointerId);
  });

  element.addEventListener('pointermove', event => {
    const finger = fingers.get(event.pointerId);
    if (!finger) return;
    const before = fingers.size === 2 ? span() : undefined;
    const [dx, dy] = [event.clientX - finger.x, event.clientY - finger.y];
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (before) {
      const now = span();
      [x, y] = [x + now.x - before.x, y + now.y - before.y];
      zoom(scale * (now.apart / before.apart), now);
    } else if (scale > 1) {
      [x, y] = [x + dx, y + dy];
      draw();
    } else if (began) {
      const [wide, high] = [event.clientX - began.x, event.clientY - began.y];
      picture.style.setProperty('transform', Math.abs(wide) > Math.abs(high) ? `translateX(${wide}px)` : `translateY(${Math.max(0, high)}px)`);
    }
  });

  element.addEventListener('pointerup', event => {
    if (!fingers.delete(event.pointerId)) return;
    const [wide, high] = began ? [event.clientX - began.x, event.clientY - began.y] : [0, 0];
    if (began && Math.hypot(wide, high) < STILL) return tap(event);
    const swiped = began && scale === 1;
    began = undefined;
    if (fingers.size) return;
    draw();
    if (swiped && Math.abs(wide) > SWIPE && Math.abs(wide) > Math.abs(high)) on.swiped(wide < 0 ? 1 : -1);
    else if (swiped && high > SWIPE * 1.5) on.away();
  });
  element.addEventListener('pointercancel', reset);

  /** @param {PointerEvent} event */
  function tap({ timeStamp, clientX, clientY, target }) {
    began = undefined;
    draw();
    const again = timeStamp - tapped.at < TWICE && Math.hypot(clientX - tapped.x, clientY - tapped.y) < 4 * STILL;
    tapped = { at: again ? 0 : timeStamp, x: clientX, y: clientY };
    if (again && target === picture) toggle({ x: clientX, y: clientY });
  }

  element.addEventListener('wheel', event => {
    event.preventDefault();
    zoom(scale * Math.exp(-event.deltaY / (event.ctrlKey ? 100 : 400)), { x: event.clientX, y: event.clientY });
  }, { passive: false });

  return {
    reset, toggle: () => toggle(),
    /** Moves a zoomed picture by an arrow key; returns whether the picture is zoomed. @param {KeyboardEvent} event */
    moves: ({ key }) => {
      if (scale === 1) return false;
      [x, y] = [x + ({ ArrowLeft: 80, ArrowRight: -80 }[key] ?? 0), y];
      draw();
      return true;
    },
    /** @param {KeyboardEvent} event */
    key({ key }) {
      if (key === '+' || key === '=') zoom(scale * 1.6);
      else if (key === '-') zoom(scale / 1.6);
      else if (key === '0') reset();
      else if (scale > 1 && ['ArrowUp', 'ArrowDown'].includes(key)) {
        y += key === 'ArrowUp' ? 80 : -80;
        draw();
      }
    },
  };
}
