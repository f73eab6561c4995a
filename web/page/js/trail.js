// The way back: where the page lets an element have it, each conversation and each look at a picture is an entry of the browser's history.

/** @typedef {{person?: number, inside?: boolean, picture?: boolean}} Place */

/** Shows where one has gone back to; nothing, as long as the browser's history is the page's alone. @type {((person: number | undefined) => void) | undefined} */
let shows;

addEventListener('popstate', () => shows?.(here().person));

/** @returns {Place} */
const here = () => history.state ?? {};

/**
 * Begins at the conversation that was open before a reload, or else at the one that is named; the list lies behind it.
 * @param {number | undefined} peer @param {(person: number | undefined) => void} show is called when one has gone back, or on again
 * @returns {number | undefined} who is talked to
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

/** Notes that a conversation was opened. @param {number} person */
export function enter(person) {
  if (!shows) return;
  const { person: before } = here();
  if (before !== person) history.pushState({ person, inside: !before }, '');
}

/** Goes back to the list. @param {() => void} show shows it, where the list is not what lies behind */
export function leave(show) {
  if (shows && here().inside) return history.back();
  if (shows) history.pushState({}, '');
  show();
}

/** Notes that pictures are looked at: to go back is to close them. @param {HTMLDialogElement} dialog */
export function lookInto(dialog) {
  if (!shows || here().picture) return;
  history.pushState({ ...here(), picture: true }, '');
  const back = () => !here().picture && dialog.close();
  addEventListener('popstate', back);
  dialog.addEventListener('close', () => {
    removeEventListener('popstate', back);
    if (here().picture) history.back();
  }, { once: true });
}
