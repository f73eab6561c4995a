// Validates what a page wants to send: what the server would refuse permanently fails here, before it delays other messages.

import { ChatError } from './errors.js';

/** How deep `extra_data` may be, and how many values it may have; the limit of a frame is far below. */
const DEPTH = 32;
const PARTS = 10_000;

/** The kinds of cards. */
const CARDS = ['product', 'order', 'shop', 'place'];

const wrong = message => new ChatError('bad_request', message);

/** Replaces lone surrogates by U+FFFD, as everywhere on the web: UTF-8 cannot encode them. */
export function wellFormed(text) {
  return text.toWellFormed?.() ?? text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');
}

/** Validates an id: a positive integer, or one written as a string. */
export function id(what, value) {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (!Number.isSafeInteger(number) || number <= 0) throw wrong(`${what} is a positive whole number, not ${String(value)}`);
  return number;
}

/** Validates a text. */
export function words(text) {
  if (typeof text !== 'string') throw wrong('a text is a string');
  return wellFormed(text);
}

/** Validates a draft; returns the fields of its message. */
export function content({ text, images, extra_data, reply_to, card }) {
  for (const file of images) if (typeof file?.arrayBuffer !== 'function' || typeof file.slice !== 'function') throw wrong('images are files (Blob)');
  return {
    content: text == null ? undefined : words(text),
    extra_data: extra_data == null ? undefined : extra(extra_data),
    reply_to: reply_to == null ? undefined : id('reply_to', reply_to),
    card: card == null ? undefined : cardName(card),
  };
}

/** Validates the name of a card: its kind and id, or both in one text, as in `product:5`. */
export function cardName(name) {
  const [, kind, id] = typeof name === 'string' ? /^(\w+):(.*)$/s.exec(name) ?? [] : [undefined, name?.kind, name?.id];
  const text = Number.isSafeInteger(id) ? String(id) : id;
  if (!CARDS.includes(kind) || typeof text !== 'string' || !/^[^,\p{Cc}]{1,64}$/u.test(text)) throw wrong('a card is named by its kind and id, as in product:5');
  return { kind, id: wellFormed(text) };
}

/** Makes a message's pictures of files. Each keeps its key when others are removed. */
export const pictures = files => [...(files ?? [])].map((file, key) => ({ key, file, name: file?.name ?? 'image', progress: 0 }));

/** Whether all pictures of an entry are stored. */
export const isStored = ({ images }) => images.every(image => image.media);

/**
 * Merges the stored state of pictures into the present objects, which stay the same objects: pages show them.
 * @param {any[] | undefined} held @param {any[]} kept @param {boolean} [late] whether `kept` may be older than the last change
 */
export const merged = (held, kept, late = false) => kept.map((picture, at) => {
  const same = held?.find((image, place) => (image.key ?? place) === (picture.key ?? at));
  if (!same) return picture;
  const { media = late ? same.media : undefined, error, reason } = picture;
  return Object.assign(same, { media, error, reason });
});

/** Makes the message that an acknowledgement confirms, from its entry. */
export function message(entry, { thread_id, temp_id, message_id, seq, rev, created_at }, me, card) {
  const { content = null, extra_data = null, reply_to = null } = entry;
  const images = entry.images.map(image => image.media);
  return {
    id: message_id, thread_id, seq, rev, kind: 'text', sender_id: me, temp_id, content, images,
    image_urls: images.map(image => image?.url), extra_data, reply_to, created_at, edited_at: null, deleted: false,
    card: card ?? null,
  };
}

function extra(value) {
  if (typeof value !== 'object' || Array.isArray(value)) throw wrong('extra_data is an object');
  const written = json(value, [], { left: PARTS });
  if (written.product_id != null) written.product_id = id('extra_data.product_id', written.product_id);
  return written;
}

/** Copies a value as JSON represents it; throws if JSON cannot represent it. */
function json(value, within, parts) {
  if (--parts.left < 0) throw new ChatError('too_large', 'extra_data is too large');
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') return wellFormed(value);
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value !== 'object') throw wrong(`extra_data cannot hold ${typeof value === 'number' ? value : `a ${typeof value}`}`);
  if (within.includes(value) || within.length > DEPTH) throw wrong('extra_data holds itself, or is too deep');
  const path = [...within, value];
  if (typeof value.toJSON === 'function') return json(value.toJSON(), path, parts);
  if (Array.isArray(value)) return value.map(part => json(part ?? null, path, parts));
  const kept = Object.entries(value).filter(([, part]) => part !== undefined);
  return Object.fromEntries(kept.map(([name, part]) => [wellFormed(name), json(part, path, parts)]));
}

/** Returns the error with which the server would refuse a frame for its size; undefined if the frame fits. */
export function unfit(frame, limits) {
  const { content, images } = frame;
  if (!limits) return undefined;
  const length = content?.length > limits.text_chars ? characters(content) : 0;
  if (length > limits.text_chars) return new ChatError('text_too_long', `a text has at most ${limits.text_chars} characters, this one has ${length}`);
  if (images?.length > limits.images) return new ChatError('too_many_images', `a message has at most ${limits.images} images, this one has ${images.length}`);
  const bytes = new TextEncoder().encode(JSON.stringify(frame)).length;
  if (bytes > limits.frame_bytes) return new ChatError('too_large', `at most ${limits.frame_bytes} bytes can be sent at once, these are ${bytes}`);
  return undefined;
}

/** Counts characters as the server does, in Unicode scalar values, and not in UTF-16 units. @param {string} text */
export function characters(text) {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
