// Where one writes: Enter sends, Shift+Enter begins a line, pictures come by button, paste and drop.

import { h, soon } from './dom.js';
import { icon } from './icons.js';
import { toast } from './dialogs.js';

/** @typedef {{text: string, files: File[]}} Written */

/**
 * @param {object} on
 * @param {(written: Written) => void} on.send
 * @param {(typing: boolean) => void} on.typing
 * @param {() => void} on.cancel nothing is edited or answered any more
 * @param {() => void} on.up the arrow key was pressed in an empty field
 * @param {() => number} most how many pictures a message may have
 */
export function composer(on, most) {
  /** @type {File[]} */ let files = [];
  const field = h('textarea', { class: 'composer-field', rows: 1, dir: 'auto', 'aria-label': 'Message', placeholder: 'Write a message', enterkeyhint: 'send', maxlength: 4000,
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
  const picker = h('input', { type: 'file', accept: 'image/jpeg,image/png,image/webp,image/gif', multiple: true, hidden: true, tabindex: -1, onchange: () => {
    add([...picker.files]);
    picker.value = '';
  } });
  const attach = h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Add photos', title: 'Add photos', onclick: () => picker.click() }, icon('attach'));
  const send = h('button', { class: 'send', 'aria-label': 'Send', title: 'Send' }, icon('send'));
  const strip = h('div', { class: 'strip', role: 'group', 'aria-label': 'Photos to send' });
  const notice = h('div', { class: 'composer-notice', hidden: true });
  const element = h('form', { class: 'composer', onsubmit: (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    submit();
  } }, notice, strip, h('div', { class: 'composer-line' }, attach, picker, field, send));

  const grow = soon(() => {
    field.style.setProperty('height', 'auto');
    // Its height is that of its border, too.
    field.style.setProperty('height', `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`);
    send.disabled = !field.value.trim() && !files.length;
  });

  function submit() {
    const text = field.value.trim();
    if (!text && !files.length) return;
    const written = { text, files };
    put('');
    on.send(written);
    field.focus();
  }

  /** @param {File[]} more */
  function add(more) {
    const pictures = more.filter(file => file.type.startsWith('image/'));
    if (pictures.length < more.length) toast('Only pictures can be sent.');
    if (files.length + pictures.length > most()) toast(`A message takes ${most()} photos at most.`);
    files = [...files, ...pictures].slice(0, most());
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

  /** Fills the field. @param {string} text */
  function put(text) {
    field.value = text;
    files = [];
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

  draw();
  return { element, add, put, note, focus: () => field.focus(), text: () => field.value };
}
