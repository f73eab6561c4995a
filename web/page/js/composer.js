// The composer: Enter sends, Shift+Enter begins a line. Pictures are added by its button, and by paste and drop anywhere on the
// page; a card by the link. It never cuts or drops what was written without a message.

import { characters } from '../../client/draft.js';
import { cardToSend, titleOf } from './cards.js';
import { h, set, soon, write } from './dom.js';
import { toast } from './dialogs.js';
import { icon } from './icons.js';
import { t } from './language.js';
import { OFFERED, strip } from './strip.js';
import { isBlank } from './text.js';

/** @typedef {import('../../chat-client.js').CardRef} CardRef */
/** @typedef {{text: string, files: File[], card?: CardRef}} Written */

/** From which fraction of the longest text on the number of characters is shown. */
const NEAR = 0.9;

/**
 * @param {object} on
 * @param {(written: Written) => void} on.send
 * @param {(typing: boolean) => void} on.typing
 * @param {() => void} on.cancel ends editing or answering
 * @param {() => void} on.up the arrow key was pressed in an empty field
 * @param {() => {images: number, text_chars: number}} limits of a message
 * @param {import('../../chat-client.js').Cards} cards
 */
export function composer(on, limits, cards) {
  /** @type {CardRef | undefined} */ let card;
  /** Whether pictures may be added: not while an edit is written. */ let open = true;
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
      } else if (event.key === 'Escape' && !notice.hidden) {
        event.preventDefault();
        on.cancel();
      } else if (event.key === 'ArrowUp' && !field.value) on.up();
    } });
  const picker = h('input', { type: 'file', accept: OFFERED, multiple: true, hidden: true, tabindex: -1, onchange: () => {
    add([...picker.files]);
    picker.value = '';
  } });
  const attach = h('button', { class: 'icon-button', type: 'button', 'aria-label': t('composer.photos'), title: t('composer.photos'), onclick: () => picker.click() }, icon('attach'));
  const send = h('button', { class: 'send', 'aria-label': t('do.send'), title: t('do.send') }, icon('send'));
  const photographs = strip({ changed: () => grow(), focus: () => field.focus() }, limits);
  const notice = h('div', { class: 'composer-notice', hidden: true });
  const about = h('div', { class: 'composer-card', role: 'group', 'aria-label': t('card.to_send'), hidden: true });
  const count = h('p', { class: 'composer-count', id: 'composer-count', hidden: true });
  // Announced once when the text becomes too long, and not at every key.
  const alarm = h('p', { class: 'sr', role: 'status' });
  const element = h('form', { class: 'composer', part: 'composer', onsubmit: (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    submit();
  } }, notice, about, photographs.element, h('div', { class: 'composer-line' }, attach, picker, field, send), count, alarm);

  const grow = soon(() => {
    field.style.setProperty('height', 'auto');
    // The height includes the border.
    field.style.setProperty('height', `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`);
    const [length, most] = [characters(field.value.trim()), limits().text_chars];
    const over = length - most;
    count.hidden = length < most * NEAR;
    set(field, 'aria-describedby', !count.hidden && count.id);
    write(count, over > 0 ? t('composer.over', { length, most, count: over }) : t('composer.length', { length, most }));
    count.classList.toggle('over', over > 0);
    set(field, 'aria-invalid', over > 0 && 'true');
    write(alarm, over > 0 ? t('composer.too_long') : '');
    send.disabled = over > 0 || (isBlank(field.value) && !photographs.files.length && !card);
    set(send, 'title', over > 0 ? t('composer.shorten', { count: over }) : t('do.send'));
  });

  function submit() {
    const text = isBlank(field.value) ? '' : field.value.trim();
    const { files } = photographs;
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
    photographs.add(more);
  }

  /** Sets the text, the pictures and the card. @param {string} text @param {File[]} [pictures] @param {CardRef} [name] */
  function put(text, pictures = [], name) {
    field.value = text;
    photographs.put(pictures);
    choose(name);
  }

  /** Sets the card. @param {CardRef} [name] */
  function choose(name) {
    card = name;
    drawCard();
    grow();
  }

  /** Draws the card as it is now; removes one that the marketplace does not know, because it cannot be sent. */
  function drawCard() {
    const now = card && cards.get(card);
    if (card && now === null) {
      toast(t('card.unknown', { card: titleOf(card) }));
      return choose(undefined);
    }
    about.hidden = !card;
    about.replaceChildren(...(card ? cardToSend(card, now, () => (choose(undefined), field.focus())) : []));
  }

  /** Shows what is edited or answered; hides that without a title. @param {string} [title] @param {string} [text] @param {'reply' | 'edit'} [sign] */
  function note(title, text = '', sign = 'reply') {
    notice.hidden = !title;
    notice.replaceChildren(...(title ? [
      icon(sign),
      h('span', { class: 'composer-notice-text' }, h('strong', {}, title), h('span', { dir: 'auto' }, text)),
      h('button', { class: 'icon-button', type: 'button', 'aria-label': t('cancel'), onclick: () => on.cancel() }, icon('close')),
    ] : []));
  }

  /** Sets whether pictures may be added. @param {boolean} may */
  function photos(may) {
    open = may;
    attach.hidden = !may;
  }

  grow();
  return { element, add, put, note, photos, drawCard, measure: grow, focus: () => field.focus(), written: () => ({ text: field.value, files: photographs.files, card }) };
}
