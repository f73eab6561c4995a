// Alerts about new messages: a sound, and desktop notifications, each with a switch (beside the switch for saving data). The page
// asks the browser's permission for notifications only when the user turns their switch on.

import picture from '../icon.svg';
import { cardLine } from './cards.js';
import { toast } from './dialogs.js';
import { h, set } from './dom.js';
import { number, t } from './language.js';
import { nameOf } from './people.js';
import { isSaving, save } from './saving.js';

/** How long a message must stay unread before it causes an alert, in ms: a visible one, in any tab, is read by then. */
const UNREAD = 500;
/** For how long after a sound no other tab plays one, in ms. */
const ALONE = 2000;
const LONGEST = 140;

/** @typedef {import('../../chat-client.js').Thread} Thread */
/** @typedef {{title: string, body: string, open: () => void}} News */

/** @param {{chat: import('../../chat-client.js').ChatClient, me: number, place: string}} context @param {(thread: Thread) => void} open */
export function alerts({ chat, me, place }, open) {
  const key = `softadastra-chat ${place} alerts ${me}`;
  const chosen = { sound: true, desktop: false, ...stored(key) };
  /** @type {Map<number, import('../../chat-client.js').Message>} */ const waiting = new Map();
  /** The notifications that are shown, by thread. @type {Map<number, Notification>} */ const shown = new Map();
  /** @type {AudioContext | undefined} */ let audio;

  const sound = toggle(t('alerts.sound'), () => choose({ sound: !chosen.sound }));
  const desktop = toggle(t('alerts.desktop'), async () => {
    if (!chosen.desktop && (await Notification.requestPermission()) !== 'granted') toast(t('alerts.refused'));
    choose({ desktop: !chosen.desktop });
  });
  desktop.hidden = !('Notification' in globalThis);
  const frugal = toggle(t('alerts.saving'), () => {
    save(!isSaving());
    set(frugal, 'aria-checked', String(isSaving()));
  });
  set(frugal, 'aria-checked', String(isSaving()));
  const element = h('div', { class: 'panel-switches' }, sound, desktop, frugal);

  /** @param {Partial<typeof chosen>} how */
  function choose(how) {
    Object.assign(chosen, how);
    chosen.desktop &&= globalThis.Notification?.permission === 'granted';
    set(sound, 'aria-checked', String(chosen.sound));
    set(desktop, 'aria-checked', String(chosen.desktop));
    try {
      localStorage.setItem(key, JSON.stringify(chosen));
    } catch {
      // The choice holds until the page is unloaded.
    }
  }

  /** Alerts the user to the waiting messages that are still unread. */
  function call() {
    const threads = [...waiting.keys()].map(id => chat.thread(id)).filter(thread => thread && thread.read_seq < /** @type {any} */ (waiting.get(thread.id)).seq);
    for (const thread of /** @type {Thread[]} */ (threads)) {
      const { content, images, card, kind } = /** @type {any} */ (waiting.get(thread.id));
      const count = thread.unread > 1 ? ` (${number(thread.unread)})` : '';
      const notification = show(`${thread.id}`, { title: (kind === 'system' ? t('marketplace') : nameOf(thread.other_user_id)) + count, body: content ?? (cardLine(card) || t('photos', { count: images.length })), open: () => open(thread) });
      if (notification) shown.set(thread.id, notification);
    }
    waiting.clear();
    if (threads.length) ring();
  }

  /** Shows a desktop notification, unless the page has the focus. @param {string} tag @param {News} news */
  function show(tag, { title, body, open }) {
    if (!chosen.desktop || document.hasFocus()) return undefined;
    try {
      // With the same tag, all tabs show one notification; the page plays the sound itself.
      const notification = new Notification(title, { body: body.slice(0, LONGEST), tag: `softadastra-chat ${me} ${tag}`, icon: picture, silent: true });
      notification.onclick = () => {
        window.focus();
        open();
        notification.close();
      };
      return notification;
    } catch {
      return undefined; // Browsers of phones allow notifications only from service workers.
    }
  }

  /** Plays the sound, in one of all tabs. */
  function ring() {
    // Before the first click or key the browser lets no page play sounds.
    if (!chosen.sound || navigator.userActivation?.hasBeenActive === false) return;
    const alone = navigator.locks;
    if (!alone) return play();
    alone.request(`${key} ring`, { ifAvailable: true }, lock => {
      if (!lock) return undefined;
      play();
      return new Promise(done => setTimeout(done, ALONE));
    });
  }

  function play() {
    audio ??= new AudioContext();
    for (const [after, pitch] of [[0, 660], [0.12, 880]]) {
      const [tone, volume] = [audio.createOscillator(), audio.createGain()];
      const start = audio.currentTime + after;
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.12, start);
      volume.gain.exponentialRampToValueAtTime(0.001, start + 0.3);
      tone.connect(volume).connect(audio.destination);
      tone.start(start);
      tone.stop(start + 0.3);
    }
  }

  chat.on('thread', thread => {
    if (thread.unread) return;
    shown.get(thread.id)?.close();
    shown.delete(thread.id);
  });
  choose({});
  return { element, /** Alerts the user to a message, if it stays unread. @param {import('../../chat-client.js').Message} message @param {Thread} thread */ message(message, thread) {
    if (!waiting.size) setTimeout(call, UNREAD);
    waiting.set(thread.id, message);
  }, /** Alerts the user to other news. @param {string} tag @param {News} news */ tell(tag, news) {
    show(tag, news);
    ring();
  } };
}

/** @param {string} label @param {() => void} onclick */
function toggle(label, onclick) {
  return h('button', { class: 'switch', role: 'switch', onclick }, h('span', { class: 'switch-label' }, label), h('span', { class: 'switch-track' }, h('span', { class: 'switch-thumb' })));
}

/** Reads what the user has chosen before. @param {string} key @returns {object} */
function stored(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? '{}');
  } catch {
    return {};
  }
}
