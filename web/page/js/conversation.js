// One conversation: its head, its messages, the composer; scrolling, unread, reading, editing, answering.

import { cardLine } from './cards.js';
import { composer } from './composer.js';
import { confirm, menu, toast } from './dialogs.js';
import { h, lazily, lively, set, soon, styled, write } from './dom.js';
import { drafts, joined } from './drafts.js';
import { dropping } from './dropping.js';
import { presenceText, reason, waits } from './format.js';
import { icon } from './icons.js';
import { t } from './language.js';
import { drawing } from './log.js';
import { authorOf, avatar, nameOf, paint, writeName } from './people.js';
import { release, uploading } from './pictures.js';
import { roving } from './roving.js';
import { rows } from './rows.js';
import { LENGTH } from './stretches.js';
import { choices, kindOf } from './unsent.js';

const EDITABLE = 15 * 60_000;
/** The limits of a message until the hub has sent its own: the protocol's defaults. */
const LIMITS = { images: 10, text_chars: 4000 };

/** @typedef {import('./drafts.js').Draft} Draft */
/** @typedef {import('./drafts.js').Editing} Editing */

/** @param {import('./messenger.js').Context} outer @param {() => void} leave */
export function conversation(outer, leave) {
  const { chat, me, sent } = outer;
  /** @type {number | undefined} */ let person;
  /** @type {Editing | undefined} */ let editing;
  /** @type {number | undefined} */ let answering;
  /** @type {Draft | undefined} */ let aside;
  /** The newest message (`seq`) that was read when the conversation was opened: later ones are marked as new. @type {number | undefined} */ let readBefore;
  /** The thread that was drawn last. @type {import('../../chat-client.js').Thread | undefined} */ let drawn;
  let atEnd = true;
  let loading = false;
  /** Until when messages are not requested again after a failure. */ let patience = 0;

  const to = () => ({ user: /** @type {number} */ (person) });
  const face = h('span', { class: 'bar-face' });
  const title = h('h1', { tabindex: -1 });
  const subtitle = h('p', { class: 'bar-subtitle', role: 'status' });
  const banner = h('p', { class: 'banner', role: 'status', hidden: true });
  const beginning = h('p', { class: 'beginning' });
  const log = h('div', { class: 'log', role: 'log', 'aria-live': 'polite', 'aria-relevant': 'additions', tabindex: 0,
    onanimationend: (/** @type {AnimationEvent} */ event) => /** @type {Element} */ (event.target).classList.remove('arriving') });
  const jump = h('button', { class: 'jump', 'aria-label': t('conversation.newest'), hidden: true, onclick: () => toEnd(true) }, icon('down'), h('span', { class: 'badge' }));
  const scroller = h('div', { class: 'scroller', onscroll: () => scrolled() }, beginning, log);
  const writing = composer({ send, typing: on => person && chat.typing(to(), on && !editing), cancel, up: editLast }, () => ({ ...LIMITS, ...chat.limits }), { get: name => chat.cards.get(name) });
  const stage = h('div', { class: 'stage' }, scroller, jump);
  const element = h('section', { class: 'conversation', part: 'conversation', 'aria-label': t('conversation') },
    h('div', { class: 'no-conversation' }, icon('send'), h('p', {}, t('conversation.choose'))),
    h('header', { class: 'bar' },
      h('button', { class: 'icon-button back', 'aria-label': t('conversation.back'), onclick: () => leave() }, icon('back')),
      face, h('div', { class: 'bar-title' }, title, subtitle)),
    banner,
    stage,
    writing.element);

  roving(log, row => options(row.item, row), writing.focus);
  // This module is not needed to show the first conversation.
  let long = { rest() {}, scrolled() {}, hide() {} };
  import('./long.js').then(module => {
    long = module.long(log, stage);
    long.rest();
  }, () => {});
  dropping(element, () => Boolean(person), writing.add);
  const kept = drafts(outer, all => person && all.set(person, draft()));
  const box = lazily(async () => {
    const { lightbox, sheet } = await import('./lightbox.js');
    const made = lightbox(outer);
    element.append(made.element);
    await styled(made.element, sheet);
    return made;
  });

  /** Opens a picture in the lightbox. @param {any[]} images @param {number} at */
  const look = async (images, at) => (await box()).show(images, at);

  /** @type {import('./bubble.js').Context} */
  const context = {
    ...outer, look, menu: options, edit: editEntry, discard, jump: show,
    find: (/** @type {number} */ id) => chat.thread(to())?.messages.find(message => message.id === id),
  };

  const list = drawing(log, scroller, context);

  /** Opens the conversation with a user, or none. @param {number | undefined} other @param {boolean} [focus] whether to focus the composer */
  async function open(other, focus = true) {
    if (person) kept.set(person, draft());
    person = other;
    element.classList.toggle('empty', !other);
    list.clear();
    long.hide();
    if (!other) return;
    face.replaceChildren(avatar(other));
    name();
    take(kept.get(other));
    // On a touch screen, a keyboard would cover the messages.
    if (focus) (matchMedia('(pointer: coarse)').matches ? title : writing).focus();
    atEnd = true;
    readBefore = undefined;
    busy(); // messages that are loaded already are not announced
    draw();
    const loaded = load();
    if (chat.state === 'online') await loaded;
    idle();
  }

  const busy = () => set(log, 'aria-busy', 'true');
  const idle = () => setTimeout(() => set(log, 'aria-busy', loading && chat.state === 'online'));

  async function load(more = false) {
    const opened = person;
    if (!person || loading || !/online|connecting/.test(chat.state) || Date.now() < patience) return;
    loading = true;
    try {
      if (chat.state === 'online') busy();
      await chat.messages(to(), more ? { more, atLeast: LENGTH } : {}); // a page is drawn in one task, so it is short
    } catch (error) {
      patience = Date.now() + 3000;
      setTimeout(draw, 3100);
      if (!error.temporary) toast(t('failed.messages', { reason: reason(error.code) }));
    }
    loading = false;
    if (person !== opened) return load();
    busy(); // older messages are not announced
    draw();
    idle();
  }

  const draw = soon(() => {
    if (!person) return;
    const thread = drawn = chat.thread(to());
    head(thread);
    // Messages that arrive while the conversation is not visible are marked as new, too.
    if (thread?.unread && !looks()) readBefore = thread.read_seq;
    if (thread) readBefore ??= thread.unread ? thread.read_seq : Infinity;
    const items = rows({ chat, me }, to(), readBefore ?? Infinity);
    const settle = atEnd ? toEnd : list.hold();
    list.draw(items);
    const complete = !thread || thread.low <= 1;
    const known = thread || chat.limits; // before the client was online, the page knows no messages
    const earlier = chat.state === 'online' ? 'conversation.loading' : 'conversation.away';
    const top = complete ? (items.length ? 'conversation.beginning' : 'conversation.first') : earlier;
    write(beginning, known ? t(top, { name: nameOf(person) }) : '');
    settle();
    long.rest();
    mark();
    if (!complete && items.length && (items.length < 40 || scroller.scrollTop < 400)) load(true);
  });

  /** Draws the name and the picture of the other user. */
  function name() {
    if (!person) return;
    paint(/** @type {HTMLElement} */ (face.firstElementChild), person);
    writeName(title, person, { role: true });
    set(log, 'aria-label', t('conversation.with', { name: nameOf(person) }));
  }

  /** @param {import('../../chat-client.js').Thread | undefined} thread */
  function head(thread) {
    name();
    // An offline client does not know the presence of other users.
    const presence = chat.state === 'online' ? chat.presence.get(/** @type {number} */ (person)) : undefined;
    write(subtitle, thread?.typing ? t('typing') : chat.state === 'online' ? presenceText(presence) : '');
    subtitle.classList.toggle('lit', Boolean(thread?.typing || presence?.online));
    const waiting = chat.outbox(to()).filter(entry => entry.state === 'pending');
    const said = { paused: 'banner.paused', waiting: 'banner.waiting', connecting: waiting.length ? 'banner.connecting' : '', closed: 'banner.closed' }[/** @type {string} */ (chat.state)];
    const text = said ? t(said) : '';
    write(banner, text && waiting.length ? `${text} ${waits('banner.kept', waiting)}` : text);
    banner.hidden = !text;
  }

  /** Marks the messages as read if the newest are visible; draws the number of unread ones. */
  function mark() {
    const thread = person && chat.thread(to());
    if (!thread) return;
    const unread = atEnd ? 0 : thread.unread;
    write(/** @type {Element} */ (jump.querySelector('.badge')), unread ? String(unread) : '');
    jump.hidden = atEnd;
    if (atEnd && thread.unread && element.offsetParent) chat.markSeen(thread);
  }

  /** Whether the newest messages are visible. */
  const looks = () => atEnd && document.visibilityState === 'visible' && Boolean(element.offsetParent);

  function scrolled() {
    atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
    mark();
    if (atEnd) long.hide();
    else long.scrolled();
    const thread = person && chat.thread(to());
    if (thread && thread.low > 1 && scroller.scrollTop < 400) load(true); // before the top is reached
  }

  function toEnd(gently = false) {
    atEnd = true;
    scroller.scrollTo({ top: scroller.scrollHeight, behavior: gently && lively() ? 'smooth' : 'instant' });
  }

  /** Scrolls to a message, and highlights it. @param {number} id */
  async function show(id) {
    const opened = person;
    try {
      while (person === opened && !context.find(id) && (chat.thread(to())?.low ?? 1) > 1) await chat.messages(to(), { more: true });
    } catch (error) {
      toast(t('failed.message', { reason: reason(error.code) }));
    }
    if (person !== opened || !context.find(id)) return;
    atEnd = false;
    draw();
    setTimeout(() => {
      const row = [...log.querySelectorAll('.row')].find(row => /** @type {any} */ (row).item?.message?.id === id);
      row?.scrollIntoView({ block: 'center', behavior: lively() ? 'smooth' : 'instant' });
      row?.classList.add('shown');
      setTimeout(() => row?.classList.remove('shown'), 1500);
    });
  }

  /** @param {import('./composer.js').Written} written */
  function send({ text, files, card }) {
    if (!person) return;
    const [edited, reply_to] = [editing, answering];
    take(editing && aside);
    if (edited?.id || edited?.waiting) return change(edited, text);
    // A refused message is sent as a new one: its `temp_id` belongs to its old content.
    const entry = chat.outbox(to()).find(entry => entry.temp_id === edited?.temp_id);
    // Its bubble shows how far it comes, and an error.
    chat.send(to(), { text: text || undefined, images: files, card, extra_data: entry?.extra_data, reply_to: entry ? entry.reply_to : reply_to }).then(sent, () => {});
    if (entry) chat.discard(entry.temp_id);
    readBefore = Infinity;
    atEnd = true;
    draw();
  }

  /** @param {Editing} edited @param {string} text */
  function change({ id, temp_id, waiting, content }, text) {
    if (waiting && temp_id) {
      // It may have been stored meanwhile.
      const stored = chat.thread(to())?.messages.find(message => message.sender_id === me && message.temp_id === temp_id);
      if (text !== content) chat.edit(stored?.id ?? temp_id, text).catch(() => {});
      return;
    }
    const same = id && text === context.find(id)?.content;
    if (temp_id && same) chat.discard(temp_id);
    if (id && !same) chat.edit(id, text).catch(failed('failed.edit'));
  }

  /** Reports a refusal in a toast: its bubble shows it, too, but may be out of sight. @param {'failed.edit' | 'failed.delete'} what */
  const failed = what => (/** @type {import('../../chat-client.js').ChatError} */ error) => {
    if (error.code !== 'closed') toast(t(what, { reason: reason(error.code) }));
  };

  /** Ends editing or answering. */
  function cancel(focus = true) {
    take(editing ? aside : { ...writing.written(), answering: undefined });
    if (focus) writing.focus();
  }

  /** Returns the draft in the composer. @returns {Draft} */
  const draft = () => ({ ...writing.written(), editing, answering, aside });

  /** Puts a draft into the composer. @param {Draft} [draft] */
  function take({ text, files, card, ...more } = { text: '', files: [] }) {
    ({ editing, answering, aside } = more);
    writing.put(text, files, card);
    writing.photos(!editing?.id && !editing?.waiting);
    note();
  }

  function note() {
    if (editing) return writing.note(t('conversation.edit'), editing.content || t('photos', { count: 1 }), 'edit');
    if (!answering) return writing.note();
    const message = context.find(answering);
    const author = message ?? { sender_id: person ?? me };
    const text = message?.content ?? (cardLine(message?.card) || t('photos', { count: message?.images.length || 1 }));
    writing.note(author.sender_id === me ? t('conversation.reply_self') : t('conversation.reply_to', { name: authorOf(author) }), text);
  }

  /** Begins to edit; the draft before it comes back afterwards. @param {Editing} what @param {Partial<import('./composer.js').Written>} written */
  function edit(what, { text = '', files = [], card }) {
    take({ text, files, card, editing: what, aside: editing ? aside : { ...writing.written(), answering } });
    writing.focus();
  }

  const editable = (/** @type {import('../../chat-client.js').Message} */ message) => message.sender_id === me && !message.deleted && message.content && Date.now() - Date.parse(message.created_at) < EDITABLE;

  /** Edits a message, or an edit of it that is not stored. @param {import('../../chat-client.js').Message} message */
  function editMessage(message) {
    const change = chat.outbox(to()).find(entry => kindOf(entry) === 'edit' && entry.message_id === message.id);
    edit({ id: message.id, temp_id: change?.temp_id, content: message.content ?? '' }, { text: change?.content ?? message.content ?? '' });
  }

  /** Edits an unsent entry: of a waiting one the text, of a refused one everything. @param {import('../../chat-client.js').Entry} entry */
  function editEntry(entry) {
    const { temp_id, content = '', message_id: id, card } = entry;
    if (kindOf(entry) === 'edit' && id) return edit({ id, temp_id, content: context.find(id)?.content ?? '' }, { text: content });
    const waiting = entry.state === 'pending';
    edit({ temp_id, waiting, content }, waiting ? { text: content } : { text: content, card, files: entry.images.map(image => /** @type {File} */ (image.file)) });
  }

  /** Drops an unsent entry, without loss: a message goes back into the composer, an edit can be restored. @param {import('../../chat-client.js').Entry} entry */
  function discard(entry) {
    const { temp_id, content, reply_to } = entry;
    chat.discard(temp_id);
    if (kindOf(entry) === 'edit') {
      const key = entry.message_id ?? entry.of ?? 0;
      return toast(t('discard.done'), { label: t('do.undo'), run: () => void chat.edit(key, content ?? '').catch(failed('failed.edit')) });
    }
    if (kindOf(entry) === 'delete') return undefined;
    if (editing?.temp_id === temp_id) editing = undefined; // its text is in the composer already
    else if (editing) aside = joined(entry, aside ?? { text: '', files: [] });
    else take({ ...joined(entry, writing.written()), answering: answering ?? reply_to });
    note();
    writing.focus();
  }

  function editLast() {
    const message = chat.thread(to())?.messages.findLast(editable);
    if (message) editMessage(message);
  }

  /** Opens the menu of a message. @param {import('./bubble.js').Item} item @param {HTMLElement} at */
  function options({ message, entry, change, mine }, at) {
    if (entry) return menu(at, choices(context, entry));
    if (change && (change.state === 'failed' || kindOf(change) === 'delete')) return menu(at, choices(context, change));
    if (!message || message.deleted || message.kind === 'system') return undefined;
    const content = change?.content ?? message.content;
    const entries = [{ label: t('do.reply'), icon: 'reply', run: () => {
      if (editing) cancel(false);
      answering = message.id;
      note();
      writing.focus();
    } }];
    if (content) entries.push({ label: t('do.copy'), icon: 'copy', run: () => navigator.clipboard.writeText(content).catch(() => {}) });
    if (editable(message)) entries.push({ label: t('do.edit'), icon: 'edit', run: () => editMessage(message) });
    if (change) entries.push(...choices(context, change).slice(-1));
    if (mine) entries.push(/** @type {any} */ ({ label: t('do.delete'), icon: 'trash', danger: true, run: () => remove(message) }));
    return menu(at, entries);
  }

  /** @param {import('../../chat-client.js').Message} message */
  async function remove(message) {
    if (!(await confirm(t('delete.title'), t('delete.text'), t('do.delete')))) return;
    chat.delete(message.id).catch(failed('failed.delete'));
    writing.focus();
  }

  addEventListener('saving', () => release(log));
  chat.on('upload', (entry, picture) => uploading(log, entry, picture));
  chat.on('message', (_, thread) => thread?.other_user_id === person && draw());
  chat.on('thread', thread => thread.other_user_id === person && draw());
  for (const event of /** @type {const} */ (['typing', 'presence', 'outbox', 'profile', 'card'])) chat.on(event, draw);
  chat.on('card', writing.drawCard);
  chat.on('reset', () => {
    list.clear(); // the same ids may be other messages now
    // The unread mark of a thread restored from an earlier visit is outdated.
    if (drawn !== (person && chat.thread(to()))) readBefore = undefined;
    load();
  });
  chat.on('state', state => {
    draw();
    writing.measure(); // the hub's limits may differ
    if (state === 'online') load();
  });
  document.addEventListener('visibilitychange', draw);
  setInterval(draw, 30_000); // "last seen 3 min ago"
  new ResizeObserver(() => atEnd && toEnd()).observe(scroller);

  /** Adds a card to the draft to a user; its text and pictures stay. @param {number} other @param {import('../../chat-client.js').CardRef} card */
  function bring(other, card) {
    const draft = kept.get(other);
    const { text, files } = (draft?.editing ? draft.aside : draft) ?? { text: '', files: [] };
    kept.set(other, { text, files, card });
  }

  return { element, open, show, bring, drafts: kept, get person() { return person; } };
}
