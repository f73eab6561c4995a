// Photos that are dropped anywhere on the page, or pasted: they come to where one writes.

import { toast } from './dialogs.js';
import { h } from './dom.js';
import { icon } from './icons.js';
import { t } from './language.js';

/** @param {() => boolean} ready whether there is a conversation for them @param {(files: File[]) => void} add */
export function dropping(ready, add) {
  const sign = h('div', { class: 'drop', 'aria-hidden': 'true' }, icon('image'), t('conversation.drop'));
  /** @param {boolean} on */
  const show = on => (on ? document.body.append(sign) : sign.remove());
  /** @param {FileList | undefined} files */
  function take(files) {
    if (!files?.length) return;
    if (ready()) add([...files]);
    else toast(t('photo.choose'));
  }

  const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files');
  addEventListener('dragover', event => {
    if (!hasFiles(event)) return;
    event.preventDefault(); // else the browser would leave the page, and show the file
    show(ready());
  });
  addEventListener('dragleave', event => event.relatedTarget || show(false));
  addEventListener('drop', event => {
    show(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    take(event.dataTransfer?.files);
  });
  addEventListener('paste', event => {
    const { files, types } = event.clipboardData ?? {};
    // What has a text, too, is a text: tables and documents bring a picture of themselves.
    if (!files?.length || types?.includes('text/plain') || document.querySelector('dialog[open]')) return;
    event.preventDefault();
    take(files);
  });
}
