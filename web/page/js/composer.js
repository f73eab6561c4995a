// Where one writes: Enter sends, Shift+Enter begins a line, pictures come by button, paste and drop, a card by the link. Nothing
// that was written is cut or dropped without a word.

import { cardToSend, titleOf } from './cards.js';
import { h, set, soon, write } from './dom.js';
import { toast } from './dialogs.js';
import { filesNamed } from './format.js';
import { icon } from './icons.js';
import { t } from './language.js';
import { characters, isBlank } from './text.js';

/** @typedef {import('../../chat-client.js').CardRef} CardRef */
/** @typedef {{text: string, files: File[], card?: CardRef}} Written */

/** What the hub takes as a picture; it looks at the bytes, the page at the name's ending alone. */
const PICTURES = ['image/jpeg', 'image/png', 'image/webp', 'image/gif'];
/** From which part of the longest text on characters are counted in sight. */
const NEAR = 0.9;

/**
 * @param {object} on
 * @param {(written: Written) => void} on.send
 * @param {(typing: boolean) => void} on.typing
 * @param {() => void} on.cancel nothing is edited or answered any more
 * @param {() => void} on.up the arrow key was pressed in an empty field
 * @param {() => {images: number, text_chars: number}} limits what a message may have
 * @param {import('../../chat-client.js').Cards} cards
 */
export function composer(on, limits, cards) {
  /** @type {File[]} */ let files = [];
  /** @type {CardRef | undefined} */ let card;
  /** Whether pictures may be added: not to a message that is stored. */ let open = true;
  const field = h('textarea', { class: 'composer-field', rows: 1, dir: 'auto', 'aria-label': t('composer.field'), placeholder: t('composer.write'), enterkeyhint: 'send',
    oninput: () => {
      grow();
      on.typing(field.value !== '');
    },
    onblur: () => on.typing(false),
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.isComposing) return;
      if (event.key === 'Enter' && !event.shiftKey) {
        event.preventDefault();
        submit();
      } else if (event.key === 'Escape') on.cancel();
      else if (event.key === 'ArrowUp' && !field.value) on.up();
    },
    onpaste: (/** @type {ClipboardEvent} */ event) => {
      const pasted = [...(event.clipboardData?.files ?? [])];
      if (pasted.length) event.preventDefault();
      add(pasted);
    } });
  const picker = h('input', { type: 'file', accept: PICTURES.join(), multiple: true, hidden: true, tabindex: -1, onchange: () => {
    add([...picker.files]);
    picker.value = '';
  } });
  const attach = h('button', { class: 'icon-button', type: 'button', 'aria-label': t('composer.photos'), title: t('composer.photos'), onclick: () => picker.click() }, icon('attach'));
  const send = h('button', { class: 'send', 'aria-label': t('do.send'), title: t('do.send') }, icon('send'));
  const strip = h('div', { class: 'strip', role: 'group', 'aria-label': t('composer.strip') });
  const notice = h('div', { class: 'composer-notice', hidden: true });
  const about = h('div', { class: 'composer-card', role: 'group', 'aria-label': t('card.to_send'), hidden: true });
  const count = h('p', { class: 'composer-count', id: 'composer-count', hidden: true });
  // Said once when the text becomes too long, and not at every key.
  const alarm = h('p', { class: 'sr', role: 'status' });
  const element = h('form', { class: 'composer', onsubmit: (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    submit();
  } }, notice, about, strip, h('div', { class: 'composer-line' }, attach, picker, field, send), count, alarm);

  const grow = soon(() => {
    field.style.setProperty('height', 'auto');
    // Its height is that of its border, too.
    field.style.setProperty('height', `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`);
    const [length, most] = [characters(field.value.trim()), limits().text_chars];
    const over = length - most;
    count.hidden = length < most * NEAR;
    set(field, 'aria-describedby', count.hidden ? undefined : count.id);
    write(count, over > 0 ? t('composer.over', { length, most, count: over }) : t('composer.length', { length, most }));
    count.classList.toggle('over', over > 0);
    set(field, 'aria-invalid', over > 0 ? 'true' : undefined);
    write(alarm, over > 0 ? t('composer.too_long') : '');
    send.disabled = over > 0 || (isBlank(field.value) && !files.length && !card);
    set(send, 'title', over > 0 ? t('composer.shorten', { count: over }) : t('do.send'));
  });

  function submit() {
    const text = isBlank(field.value) ? '' : field.value.trim();
    if (!text && !files.length && !card) return;
    const over = characters(text) - limits().text_chars;
    if (over > 0) return toast(t('composer.shorten', { count: over }));
    const written = { text, files, card };
    put('');
    on.send(written);
    field.focus();
  }

  /** @param {File[]} more */
  function add(more) {
    if (!more.length) return;
    if (!open) return toast(t('composer.no_photos'));
    const pictures = more.filter(file => PICTURES.includes(file.type));
    const others = more.filter(file => !pictures.includes(file));
    if (others.length) toast(t('composer.no_picture', { files: filesNamed(others), count: others.length }));
    const most = limits().images;
    const room = Math.max(0, most - files.length);
    const beyond = pictures.slice(room);
    if (beyond.length) toast(t('composer.too_many', { files: filesNamed(beyond), count: beyond.length, most }));
    files = [...files, ...pictures.slice(0, room)];
    draw();
    if (pictures.length) field.focus();
  }

  function draw() {
    for (const picture of strip.querySelectorAll('img')) URL.revokeObjectURL(picture.src);
    strip.replaceChildren(...files.map(file => {
      const picture = h('img', { alt: file.name });
      picture.src = URL.createObjectURL(file);
      return h('div', { class: 'strip-item' }, picture, h('button', { class: 'strip-remove', type: 'button', 'aria-label': t('composer.remove', { name: file.name }), onclick: () => {
        files = files.filter(other => other !== file);
        draw();
        field.focus();
      } }, icon('close')));
    }));
    grow();
  }

  /** Fills the field, the strip, and what the message is about. @param {string} text @param {File[]} [pictures] @param {CardRef} [name] */
  function put(text, pictures = [], name) {
    field.value = text;
    files = pictures;
    choose(name);
    draw();
  }

  /** Says what the message is about. @param {CardRef} [name] */
  function choose(name) {
    card = name;
    drawCard();
    grow();
  }

  /** Draws what the message is about, as that is now; what the marketplace does not know cannot be sent. */
  function drawCard() {
    const now = card && cards.get(card);
    if (card && now === null) {
      toast(t('card.unknown', { card: titleOf(card) }));
      return choose(undefined);
    }
    about.hidden = !card;
    about.replaceChildren(...(card ? cardToSend(card, now, () => (choose(undefined), field.focus())) : []));
  }

  /** Says what is edited or answered; nothing without a title. @param {string} [title] @param {string} [text] @param {'reply' | 'edit'} [sign] */
  function note(title, text = '', sign = 'reply') {
    notice.hidden = !title;
    notice.replaceChildren(...(title ? [
      icon(sign),
      h('span', { class: 'composer-notice-text' }, h('strong', {}, title), h('span', { dir: 'auto' }, text)),
      h('button', { class: 'icon-button', type: 'button', 'aria-label': t('cancel'), onclick: () => on.cancel() }, icon('close')),
    ] : []));
  }

  /** Says whether pictures may be added. @param {boolean} may */
  function photos(may) {
    open = may;
    attach.hidden = !may;
  }

  draw();
  return { element, add, put, note, photos, drawCard, measure: grow, focus: () => field.focus(), written: () => ({ text: field.value, files, card }) };
}
