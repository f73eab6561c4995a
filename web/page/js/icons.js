// Line icons, 24 by 24; each a list of paths.

const PATHS = {
  alert: ['M12 8v5', 'M12 16.500v.01', 'M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z'],
  attach: ['m20.500 11.500-8.600 8.600a5.500 5.500 0 0 1-7.800-7.800l8.900-8.900a3.700 3.700 0 0 1 5.200 5.200l-8.900 8.900a1.800 1.800 0 0 1-2.600-2.600l8.200-8.200'],
  back: ['M15 5l-7 7 7 7'],
  bell: ['M6 9.500a6 6 0 0 1 12 0c0 6 2.500 7.500 2.500 7.500h-17S6 15.500 6 9.500z', 'M10 20.500a2.200 2.200 0 0 0 4 0'],
  blank: [],
  box: ['M4 8l8-4.500L20 8v8l-8 4.500L4 16z', 'M4 8l8 4.500L20 8', 'M12 12.500v8'],
  check: ['M5 12.500l4.500 4.500L19 7.500'],
  checks: ['M2 12.500l4.500 4.500L15 7.500', 'M11 15.500l1.500 1.500L22 7.500'],
  clock: ['M12 7.500V12l3 2', 'M12 3.500a8.500 8.500 0 1 1 0 17 8.500 8.500 0 0 1 0-17z'],
  close: ['M6 6l12 12', 'M18 6L6 18'],
  copy: ['M9 9h10v11H9z', 'M15 9V4H5v11h4'],
  down: ['M5 9l7 7 7-7'],
  download: ['M12 4v11', 'M7 10.500l5 5 5-5', 'M5 20h14'],
  edit: ['M4 20l1-4.500L16 4.500l3.500 3.500L8.500 19z', 'M13.500 7l3.500 3.500'],
  forward: ['M9 6h9v9', 'M18 6L6 18'],
  globe: ['M12 3.500a8.500 8.500 0 1 1 0 17 8.500 8.500 0 0 1 0-17z', 'M3.500 12h17', 'M12 3.500c5 4.700 5 12.300 0 17c-5-4.700-5-12.300 0-17z'],
  image: ['M4 5h16v14H4z', 'M4 16l4.500-4.500 4 4L15.500 13l4.500 4', 'M9 9.200v.01'],
  left: ['M15 5l-7 7 7 7'],
  more: ['M5 12h.01', 'M12 12h.01', 'M19 12h.01'],
  place: ['M12 21.500c4.700-4.700 7-8.200 7-11.500a7 7 0 1 0-14 0c0 3.300 2.300 6.800 7 11.500z', 'M12 12.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z'],
  plus: ['M12 5v14', 'M5 12h14'],
  receipt: ['M6 3h12v18l-3-2-3 2-3-2-3 2z', 'M9 8h6', 'M9 12h6'],
  reply: ['M9 6l-6 6 6 6', 'M3.500 12H14a6.500 6.500 0 0 1 6.500 6.500'],
  retry: ['M20 5v5h-5', 'M19.500 10A8 8 0 1 0 20 14'],
  right: ['M9 5l7 7-7 7'],
  send: ['M4 12l16-8-5 16-3.500-6.500z', 'M11.500 13.500L20 4'],
  shop: ['M3.500 9.500L5.500 4h13l2 5.500', 'M3.500 9.500a2.830 2.830 0 0 0 5.670 0 2.830 2.830 0 0 0 5.660 0 2.830 2.830 0 0 0 5.670 0', 'M5.500 13.500V20h13v-6.500'],
  tag: ['M3.500 12.500V4H12l8.500 8.500-8 8z', 'M8 8.200v.01'],
  trash: ['M4 6.500h16', 'M9.500 6.500V4h5v2.500', 'M6.500 6.500l1 14h9l1-14', 'M10.500 10.500v6', 'M13.500 10.500v6'],
  verified: ['M12 2.800l7.500 3v5.700c0 4.600-3.200 8-7.500 9.700-4.300-1.700-7.500-5.100-7.500-9.700V5.800z', 'M8.500 12l2.500 2.500 4.500-5'],
  zoom: ['M10.500 4a6.500 6.500 0 1 1 0 13 6.500 6.500 0 0 1 0-13z', 'M15.500 15.500L20 20', 'M10.500 8v5', 'M8 10.500h5'],
};

/** @param {string} tag @param {Record<string, string | number>} attributes @param {...SVGElement} children */
function svg(tag, attributes, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** Makes an icon; it says nothing to those who do not see it. @param {keyof typeof PATHS} name */
export const icon = name => svg('svg', { viewBox: '0 0 24 24', class: `icon icon-${name}`, 'aria-hidden': 'true', focusable: 'false' }, ...PATHS[name].map(d => svg('path', { d })));

/** Makes a ring, of which a part is drawn: `.ring-part` has it as its `stroke-dasharray`. */
export const ring = () => svg('svg', { viewBox: '0 0 44 44', class: 'ring', 'aria-hidden': 'true', focusable: 'false' },
  svg('circle', { cx: 22, cy: 22, r: 20 }), svg('circle', { class: 'ring-part', cx: 22, cy: 22, r: 20, pathLength: 1, 'stroke-dasharray': '0 1' }));
