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
  edit: ['M4 20l1-4.500L16 4.500l3.500 3.500L8.500 19z', 'M13.500 7l3.500 3.500'],
  globe: ['M12 3.500a8.500 8.500 0 1 1 0 17 8.500 8.500 0 0 1 0-17z', 'M3.500 12h17', 'M12 3.500c5 4.700 5 12.300 0 17c-5-4.700-5-12.300 0-17z'],
  image: ['M4 5h16v14H4z', 'M4 16l4.500-4.500 4 4L15.500 13l4.500 4', 'M9 9.200v.01'],
  left: ['M15 5l-7 7 7 7'],
  more: ['M5 12h.01', 'M12 12h.01', 'M19 12h.01'],
  plus: ['M12 5v14', 'M5 12h14'],
  reply: ['M9 6l-6 6 6 6', 'M3.500 12H14a6.500 6.500 0 0 1 6.500 6.500'],
  retry: ['M20 5v5h-5', 'M19.500 10A8 8 0 1 0 20 14'],
  right: ['M9 5l7 7-7 7'],
  send: ['M4 12l16-8-5 16-3.500-6.500z', 'M11.500 13.500L20 4'],
  trash: ['M4 6.500h16', 'M9.500 6.500V4h5v2.500', 'M6.500 6.500l1 14h9l1-14', 'M10.500 10.500v6', 'M13.500 10.500v6'],
};

/** Makes an icon; it says nothing to those who do not see it. @param {keyof typeof PATHS} name */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  for (const [key, value] of [['viewBox', '0 0 24 24'], ['class', `icon icon-${name}`], ['aria-hidden', 'true'], ['focusable', 'false']]) svg.setAttribute(key, value);
  for (const d of PATHS[name]) {
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}
