// What the elements of a page share: the client with its one connection, the texts, and the frames in which conversations are
// drawn. A frame outlives the element that shows it: the next element shows it again, as when a script replaces parts of a page.

import { ChatError } from '../../chat-client.js';
import { standOn } from './dialogs.js';
import { h, soon } from './dom.js';
import { direction, language, languageOf, speak, t } from './language.js';
import { messenger } from './messenger.js';

/** @typedef {import('../../chat-client.js').ChatClient} ChatClient */

/**
 * An element that shows something of the chat.
 * @typedef {HTMLElement & {base: string, client?: ChatClient, draw: () => void, tell: (event: string, detail: object) => void}} Part
 */

/**
 * @typedef {object} Shared
 * @property {ChatClient} chat
 * @property {number} me
 * @property {string} place
 * @property {number} unread
 * @property {() => void} count counts the unread messages again
 */

/** @typedef {{element: HTMLElement, talks: ReturnType<typeof messenger>, owner: Part | undefined}} Frame */

/** The elements that are in the page. @type {Set<Part>} */ const parts = new Set();
/** The frames that elements show. @type {Set<Frame>} */ const shown = new Set();
/** The frames that no element shows. @type {Frame[]} */ let idle = [];
/** @type {Promise<Shared> | undefined} */ let shared;
/** @type {Promise<void> | undefined} */ let spoken;

/** Makes a client for an element that has none. @type {(part: Part) => Promise<ChatClient>} */ let connected;

/** Sets the function that makes a client. The hub's own page has a client, and does not load that function. @param {typeof connected} how */
export const connectBy = how => void (connected = how);

/** Loads the texts, in the language of the first element: its own, the page's, or the browser's. @param {HTMLElement} part */
export function words(part) {
  const wanted = [part.closest('[lang]')?.getAttribute('lang'), document.documentElement.lang, ...navigator.languages];
  const language = wanted.map(tag => languageOf(tag)).find(tag => tag) ?? 'en';
  return (spoken ??= speak(language, navigator.languages.find(tag => languageOf(tag) === language)).catch(error => {
    spoken = undefined;
    throw error;
  }));
}

/** Adds an element of the page, and returns what it shares with the others. @param {Part} part @returns {Promise<Shared>} */
export async function join(part) {
  parts.add(part);
  await words(part);
  if (!part.isConnected) throw new ChatError('closed', 'the element has left the page');
  return (shared ??= begin(part).catch(error => {
    shared = undefined;
    throw error;
  }));
}

/** Removes an element that has left the page. @param {Part} part */
export const quit = part => void parts.delete(part);

/** @param {Part} part @returns {Promise<Shared>} */
async function begin(part) {
  const chat = part.client ?? (await connected(part));
  // A client of the page's own may not know its user yet.
  if (!chat.me) for await (const _ of chat.stream('state')) if (chat.me) break;
  const me = /** @type {number} */ (chat.me);
  const count = soon(async () => {
    const unread = await unreadOf(chat, [...shown].map(({ talks }) => talks.person).find(person => person));
    if (unread === all.unread) return;
    all.unread = unread;
    for (const part of parts) {
      part.draw();
      part.tell('chat-unread', { count: unread });
    }
  });
  /** @type {Shared} */ const all = { chat, me, place: chat.src(''), unread: 0, count };
  for (const event of /** @type {const} */ (['thread', 'counts', 'reset'])) chat.on(event, count);
  document.addEventListener('visibilitychange', count);
  chat.on('error', ({ code, message, temporary }) => {
    for (const part of parts) if (!temporary) part.tell('chat-error', { code, message });
  });
  chat.on('reset', () => {
    if (chat.me === me) return;
    // Another user has signed in: begin again.
    chat.close();
    document.removeEventListener('visibilitychange', count);
    [shared, idle] = [undefined, []];
    for (const part of [...parts]) part.draw();
  });
  return all;
}

/**
 * Counts the unread messages, without those of the open conversation if the page is visible: they are read in a moment.
 * @param {ChatClient} chat @param {number} [person] the other user of the open conversation
 */
async function unreadOf(chat, person) {
  const threads = await chat.threads().catch(() => []);
  const others = threads.filter(thread => thread.other_user_id !== person || document.visibilityState !== 'visible');
  const here = others.reduce((sum, thread) => sum + thread.unread, 0);
  return chat.hasMoreThreads ? Math.max(here, chat.counts.messages) : here;
}

/** Takes a frame that no element shows, or makes one. @param {Shared} all @param {Part} owner @returns {Frame} */
export function take(all, owner) {
  const frame = idle.pop() ?? made(all);
  frame.owner = owner;
  shown.add(frame);
  standOn(frame.element);
  all.count();
  return frame;
}

/** Takes a frame out of its element. @param {Frame} frame */
export function giveBack(frame) {
  frame.owner = undefined;
  frame.element.remove();
  shown.delete(frame);
  shared?.then(({ me, count }) => {
    // The frame of a previous user is not shown again.
    if (frame.element.dataset.user === String(me)) idle.push(frame);
    count();
  }, () => {});
}

/** @param {Shared} all @returns {Frame} */
function made(all) {
  const context = { ...all, sent: (/** @type {object} */ message) => frame.owner?.tell('chat-sent', { message }) };
  const head = h('slot', { name: 'head' }, h('div', { class: 'bar-title' }, h('h2', {}, t('inbox.title'))));
  const talks = messenger(context, { head, foot: h('slot', { name: 'foot' }) }, user => {
    all.count();
    frame.owner?.tell(user ? 'chat-open' : 'chat-leave', { user });
  });
  const element = h('div', { class: 'frame', lang: language(), dir: direction(), 'data-user': all.me }, h('div', { class: 'app' }, talks.parts), talks.toasts);
  for (const event of ['pointerdown', 'focusin']) element.addEventListener(event, () => standOn(element), true);
  // If Escape closes something in the chat, it should close nothing in the page around it.
  element.addEventListener('keydown', event => {
    if (event.key === 'Escape' && (event.defaultPrevented || element.querySelector('dialog[open], :popover-open'))) event.stopPropagation();
  });
  /** @type {Frame} */ const frame = { element, talks, owner: undefined };
  return frame;
}
