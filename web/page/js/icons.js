// Line icons, 24 by 24; each a list of paths.

const PATHS = {
  alert: ['M12 8v5', 'M12 16.5v.01', 'M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z'],
  attach: ['m20.5 11.5-8.6 8.6a5.5 5.5 0 0 1-7.8-7.8l8.9-8.9a3.7 3.7 0 0 1 5.2 5.2l-8.9 8.9a1.8 1.8 0 0 1-2.6-2.6l8.2-8.2'],
  back: ['M15 5l-7 7 7 7'],
  bell: ['M6 9.5a6 6 0 0 1 12 0c0 6 2.5 7.5 2.5 7.5h-17S6 15.5 6 9.5z', 'M10 20.5a2.2 2.2 0 0 0 4 0'],
  blank: [],
  box: ['M4 8l8-4.5L20 8v8l-8 4.5L4 16z', 'M4 8l8 4.5L20 8', 'M12 12.5v8'],
  check: ['M5 12.5l4.5 4.5L19 7.5'],
  checks: ['M2 12.5l4.5 4.5L15 7.5', 'M11 15.5l1.5 1.5L22 7.5'],
  clock: ['M12 7.5V12l3 2', 'M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17z'],
  close: ['M6 6l12 12', 'M18 6L6 18'],
  copy: ['M9 9h10v11H9z', 'M15 9V4H5v11h4'],
  down: ['M5 9l7 7 7-7'],
  download: ['M12 4v11', 'M7 10.5l5 5 5-5', 'M5 20h14'],
  edit: ['M4 20l1-4.5L16 4.5l3.5 3.5L8.5 19z', 'M13.5 7l3.5 3.5'],
  forward: ['M9 6h9v9', 'M18 6L6 18'],
  globe: ['M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17z', 'M3.5 12h17', 'M12 3.5c5 4.7 5 12.3 0 17c-5-4.7-5-12.3 0-17z'],
  image: ['M4 5h16v14H4z', 'M4 16l4.5-4.5 4 4L15.5 13l4.5 4', 'M9 9.2v.01'],
  left: ['M15 5l-7 7 7 7'],
  more: ['M5 12h.01', 'M12 12h.01', 'M19 12h.01'],
  place: ['M12 21.5c4.7-4.7 7-8.2 7-11.5a7 7 0 1 0-14 0c0 3.3 2.3 6.8 7 11.5z', 'M12 12.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z'],
  plus: ['M12 5v14', 'M5 12h14'],
  receipt: ['M6 3h12v18l-3-2-3 2-3-2-3 2z', 'M9 8h6', 'M9 12h6'],
  reply: ['M9 6l-6 6 6 6', 'M3.5 12H14a6.5 6.5 0 0 1 6.5 6.5'],
  retry: ['M20 5v5h-5', 'M19.5 10A8 8 0 1 0 20 14'],
  right: ['M9 5l7 7-7 7'],
  send: ['M4 12l16-8-5 16-3.5-6.5z', 'M11.5 13.5L20 4'],
  shop: ['M3.5 9.5L5.5 4h13l2 5.5', 'M3.5 9.5a2.83 2.83 0 0 0 5.67 0 2.83 2.83 0 0 0 5.66 0 2.83 2.83 0 0 0 5.67 0', 'M5.5 13.5V20h13v-6.5'],
  tag: ['M3.5 12.5V4H12l8.5 8.5-8 8z', 'M8 8.2v.01'],
  trash: ['M4 6.5h16', 'M9.5 6.5V4h5v2.5', 'M6.5 6.5l1 14h9l1-14', 'M10.5 10.5v6', 'M13.5 10.5v6'],
  verified: ['M12 2.8l7.5 3v5.7c0 4.6-3.2 8-7.5 9.7-4.3-1.7-7.5-5.1-7.5-9.7V5.8z', 'M8.5 12l2.5 2.5 4.5-5'],
  zoom: ['M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13z', 'M15.5 15.5L20 20', 'M10.5 8v5', 'M8 10.5h5'],
};

/** @param {string} tag @param {Record<string, string | number>} attributes @param {...SVGElement} children */
function svg(tag, attributes, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** Makes an icon, which is hidden from screen readers. @param {keyof typeof PATHS} name */
export const icon = name => svg('svg', { viewBox: '0 0 24 24', class: `icon icon-${name}`, 'aria-hidden': 'true', focusable: 'false' }, ...PATHS[name].map(d => svg('path', { d })));

/** Makes a ring that shows a progress: the `stroke-dasharray` of `.ring-part`. */
export const ring = () => svg('svg', { viewBox: '0 0 44 44', class: 'ring', 'aria-hidden': 'true', focusable: 'false' },
  svg('circle', { cx: 22, cy: 22, r: 20 }), svg('circle', { class: 'ring-part', cx: 22, cy: 22, r: 20, pathLength: 1, 'stroke-dasharray': '0 1' }));
