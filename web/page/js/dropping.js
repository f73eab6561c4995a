// Photos that are dropped anywhere on the page, or pasted: they come to where one writes.

import { above, isAsking, toast } from './dialogs.js';
import { h } from './dom.js';
import { icon } from './icons.js';
import { t } from './language.js';

/**
 * @param {HTMLElement} element the conversation; while it is not in the page, the page's files are the page's
 * @param {() => boolean} ready whether one is open @param {(files: File[]) => void} add
 */
export function dropping(element, ready, add) {
  const sign = h('div', { class: 'drop', 'aria-hidden': 'true' }, icon('image'), t('conversation.drop'));
  /** @param {boolean} on */
  const show = on => (on ? above(sign) : sign.remove());
  /** @param {FileList | undefined} files */
  function take(files) {
    if (!files?.length) return;
    if (ready()) add([...files]);
    else toast(t('photo.choose'));
  }

  /** Whether an event is for the conversation: the page around it may have a use for files, too. @param {Event} event */
  const isOurs = event => element.isConnected && !event.defaultPrevented;
  const hasFiles = (/** @type {DragEvent} */ event) => isOurs(event) && event.dataTransfer?.types.includes('Files');
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
    if (!isOurs(event) || !files?.length || types?.includes('text/plain') || isAsking()) return;
    event.preventDefault();
    take(files);
  });
}
