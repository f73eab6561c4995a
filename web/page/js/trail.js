// The way back: each conversation, and each look at a picture, is an entry of the browser's history.

/** @typedef {{person?: number, inside?: boolean, picture?: boolean}} Place */

/** Whether there is a trail: the history of a page that holds an element is not the element's. */
let kept = true;

/** Leaves the browser's history alone. */
export const leaveNoTrail = () => void (kept = false);

/** @returns {Place} */
const here = () => history.state ?? {};

/**
 * Begins at the conversation that was open before a reload, or else at the one that the link names; the list lies behind it.
 * @param {number | undefined} peer @returns {number | undefined} who is talked to
 */
export function begin(peer) {
  if (history.state) history.replaceState({ ...here(), picture: false }, '');
  else {
    history.replaceState({}, '');
    if (peer) history.pushState({ person: peer, inside: true }, '');
  }
  return here().person;
}

/** Notes that a conversation was opened. @param {number} person */
export function enter(person) {
  if (!kept) return;
  const { person: before } = here();
  if (before !== person) history.pushState({ person, inside: !before }, '');
}

/** Goes back to the list. @param {() => void} show shows it, where the list is not what lies behind */
export function leave(show) {
  if (kept && here().inside) return history.back();
  if (kept) history.pushState({}, '');
  show();
}

/** Calls when one has gone back, or on again. @param {(person: number | undefined) => void} show */
export function onReturn(show) {
  addEventListener('popstate', () => show(here().person));
}

/** Notes that pictures are looked at: to go back is to close them. @param {HTMLDialogElement} dialog */
export function lookInto(dialog) {
  if (!kept || here().picture) return;
  history.pushState({ ...here(), picture: true }, '');
  const back = () => !here().picture && dialog.close();
  addEventListener('popstate', back);
  dialog.addEventListener('close', () => {
    removeEventListener('popstate', back);
    if (here().picture) history.back();
  }, { once: true });
}
