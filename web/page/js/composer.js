// Where one writes: Enter sends, Shift+Enter begins a line, pictures come by button, paste and drop. Nothing that was
// written is cut or dropped without a word.

import { h, set, soon, write } from './dom.js';
import { icon } from './icons.js';
import { toast } from './dialogs.js';
import { characters, isBlank } from './text.js';

/** @typedef {{text: string, files: File[]}} Written */

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
 */
export function composer(on, limits) {
  /** @type {File[]} */ let files = [];
  /** Whether pictures may be added: not to a message that is stored. */ let open = true;
  const field = h('textarea', { class: 'composer-field', rows: 1, dir: 'auto', 'aria-label': 'Message', placeholder: 'Write a message', enterkeyhint: 'send',
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
  const attach = h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Add photos', title: 'Add photos', onclick: () => picker.click() }, icon('attach'));
  const send = h('button', { class: 'send', 'aria-label': 'Send', title: 'Send' }, icon('send'));
  const strip = h('div', { class: 'strip', role: 'group', 'aria-label': 'Photos to send' });
  const notice = h('div', { class: 'composer-notice', hidden: true });
  const count = h('p', { class: 'composer-count', id: 'composer-count', hidden: true });
  // Said once when the text becomes too long, and not at every key.
  const alarm = h('p', { class: 'sr', role: 'status' });
  const element = h('form', { class: 'composer', onsubmit: (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    submit();
  } }, notice, strip, h('div', { class: 'composer-line' }, attach, picker, field, send), count, alarm);

  const grow = soon(() => {
    field.style.setProperty('height', 'auto');
    // Its height is that of its border, too.
    field.style.setProperty('height', `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`);
    const [length, most] = [characters(field.value.trim()), limits().text_chars];
    const over = length - most;
    count.hidden = length < most * NEAR;
    set(field, 'aria-describedby', count.hidden ? undefined : count.id);
    write(count, `${length.toLocaleString()} of ${most.toLocaleString()} characters${over > 0 ? `: ${tooMany(over)}` : ''}`);
    count.classList.toggle('over', over > 0);
    set(field, 'aria-invalid', over > 0 ? 'true' : undefined);
    write(alarm, over > 0 ? 'The text is too long to be sent.' : '');
    send.disabled = over > 0 || (isBlank(field.value) && !files.length);
    set(send, 'title', over > 0 ? `Too long to be sent: ${tooMany(over)}` : 'Send');
  });

  function submit() {
    const text = isBlank(field.value) ? '' : field.value.trim();
    if (!text && !files.length) return;
    const over = characters(text) - limits().text_chars;
    if (over > 0) return toast(`The text is too long to be sent: ${tooMany(over)}.`);
    const written = { text, files };
    put('');
    on.send(written);
    field.focus();
  }

  /** @param {File[]} more */
  function add(more) {
    if (!more.length) return;
    if (!open) return toast('This message takes no more photos.');
    const pictures = more.filter(file => PICTURES.includes(file.type));
    const others = more.filter(file => !pictures.includes(file)).map(file => `“${file.name}”`);
    if (others.length) toast(`${others.join(', ')} ${others.length > 1 ? 'were' : 'was'} left out: only JPEG, PNG, WebP and GIF pictures can be sent.`);
    const most = limits().images;
    const room = Math.max(0, most - files.length);
    const beyond = pictures.slice(room).map(file => `“${file.name}”`);
    if (beyond.length) toast(`A message takes ${most} photos at most: ${beyond.join(', ')} ${beyond.length > 1 ? 'were' : 'was'} left out.`);
    files = [...files, ...pictures.slice(0, room)];
    draw();
    if (pictures.length) field.focus();
  }

  function draw() {
    for (const picture of strip.querySelectorAll('img')) URL.revokeObjectURL(picture.src);
    strip.replaceChildren(...files.map(file => {
      const picture = h('img', { alt: file.name });
      picture.src = URL.createObjectURL(file);
      return h('div', { class: 'strip-item' }, picture, h('button', { class: 'strip-remove', type: 'button', 'aria-label': `Remove ${file.name}`, onclick: () => {
        files = files.filter(other => other !== file);
        draw();
        field.focus();
      } }, icon('close')));
    }));
    grow();
  }

  /** Fills the field, and the strip. @param {string} text @param {File[]} [pictures] */
  function put(text, pictures = []) {
    field.value = text;
    files = pictures;
    draw();
  }

  /** Says what is edited or answered; nothing without a title. @param {string} [title] @param {string} [text] */
  function note(title, text = '') {
    notice.hidden = !title;
    notice.replaceChildren(...(title ? [
      icon(title === 'Edit message' ? 'edit' : 'reply'),
      h('span', { class: 'composer-notice-text' }, h('strong', {}, title), h('span', { dir: 'auto' }, text)),
      h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Cancel', onclick: () => on.cancel() }, icon('close')),
    ] : []));
  }

  /** Says whether pictures may be added. @param {boolean} may */
  function photos(may) {
    open = may;
    attach.hidden = !may;
  }

  draw();
  return { element, add, put, note, photos, measure: grow, focus: () => field.focus(), written: () => ({ text: field.value, files }) };
}

/** @param {number} over */
const tooMany = over => `${over.toLocaleString()} too many`;
