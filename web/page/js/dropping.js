// Adds photos that are dropped or pasted anywhere on the page to the composer.

import { above, isAsking, toast } from './dialogs.js';
import { h } from './dom.js';
import { icon } from './icons.js';
import { t } from './language.js';

/**
 * @param {HTMLElement} element the conversation; while it is not in the page, files are left to the page
 * @param {() => boolean} ready whether a conversation is open @param {(files: File[]) => void} add
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

  /** Whether an event is for the conversation: the page around it may handle files, too. @param {Event} event */
  const isOurs = event => element.isConnected && !event.defaultPrevented;
  const hasFiles = (/** @type {DragEvent} */ event) => isOurs(event) && event.dataTransfer?.types.includes('Files');
  addEventListener('dragover', event => {
    if (!hasFiles(event)) return;
    event.preventDefault(); // otherwise the browser would leave the page and open the file
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
    // With a text in it, paste the text: tables and documents add a picture of themselves.
    if (!isOurs(event) || !files?.length || types?.includes('text/plain') || isAsking()) return;
    event.preventDefault();
    take(files);
  });
}
