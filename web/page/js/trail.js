// The browser's history: if the page allows it, each opened conversation and each opened picture adds an entry.

/** @typedef {{person?: number, inside?: boolean, picture?: boolean}} Place */

/** Shows a conversation after Back or Forward; undefined if the page has not given its history to the element. @type {((person: number | undefined) => void) | undefined} */
let shows;

addEventListener('popstate', () => shows?.(here().person));

/** Whether the page has given its history to the element. */
export const isGiven = () => Boolean(shows);

/** @returns {Place} */
export const here = () => history.state ?? {};

/**
 * Begins at the conversation that was open before a reload, or else at `peer`, with an entry for the list before it.
 * @param {number | undefined} peer @param {(person: number | undefined) => void} show is called after Back or Forward
 * @returns {number | undefined} the user of the conversation to open
 */
export function begin(peer, show) {
  shows = show;
  if (history.state) history.replaceState({ ...here(), picture: false }, '');
  else {
    history.replaceState({}, '');
    if (peer) history.pushState({ person: peer, inside: true }, '');
  }
  return here().person;
}

/** Adds an entry for an opened conversation. @param {number} person */
export function enter(person) {
  if (!shows) return;
  const { person: before } = here();
  if (before !== person) history.pushState({ person, inside: !before }, '');
}

/** Goes back to the list. @param {() => void} show shows the list, if it is not the entry before */
export function leave(show) {
  if (shows && here().inside) return history.back();
  if (shows) history.pushState({}, '');
  show();
}
