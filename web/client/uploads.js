// Uploads pictures, in a queue of their own: a message waits for its pictures, and no other message waits for it.
//
//   entry with pictures -> uploads, one after another -> the entry can be sent | it has failed, each refused picture with a reason

import { ChatError, mayPass } from './errors.js';
import { Pacer } from './pacer.js';

/** @typedef {import('./outbox.js').Entry} Entry */
/** @typedef {import('../chat-client.js').Picture} Picture */

export class Uploads {
  #account;
  #client;
  #outbox;
  #delivery;
  /** Lets one message's pictures go at a time: on a slow connection those of two would all come late. */ #pacer = new Pacer();
  /** The messages whose pictures are uploaded now, or wait for that, by `temp_id`. */ #taken = new Set();
  /** The pictures that are being uploaded. @type {Map<Picture, {entry: Entry, stop: AbortController}>} */ #under = new Map();

  constructor(account, client, outbox, delivery) {
    this.#account = account;
    this.#client = client;
    this.#outbox = outbox;
    this.#delivery = delivery;
  }

  begin() {
    this.#pacer.begin({ in_flight: 3 }); // one at a time: the pacer leaves two for other frames
    this.run();
  }

  hungUp() {
    this.#pacer.end();
  }

  /** Aborts all uploads. */
  stop() {
    for (const { stop } of this.#under.values()) stop.abort();
  }

  /** Begins to upload the pictures of every message, and aborts the uploads of pictures that were removed. */
  run() {
    for (const [picture, { entry, stop }] of this.#under) if (!this.#outbox.holds(entry) || !entry.images.includes(picture)) stop.abort();
    for (const entry of this.#outbox.list()) {
      if (this.#taken.has(entry.temp_id) || !this.#wanted(entry)) continue;
      this.#taken.add(entry.temp_id);
      this.#work(entry);
    }
  }

  /** @param {Entry} entry */
  #wanted(entry) {
    return this.#account.online && this.#outbox.holds(entry) && this.#outbox.sendable(entry) && entry.images.some(image => !image.media);
  }

  /** @param {Entry} entry */
  async #work(entry) {
    await this.#delivery.watched(() => this.#outbox.alone(`upload ${entry.temp_id}`, async () => {
      // Another tab may have stored some of them.
      await this.#outbox.refresh(entry);
      while (this.#wanted(entry)) {
        const release = await this.#pacer.next();
        if (!release) return;
        const refusal = await this.#store(entry).finally(release);
        if (refusal) await this.#delivery.failed(entry, refusal);
      }
    }));
    this.#taken.delete(entry.temp_id);
    this.#delivery.run();
  }

  /** Uploads a message's pictures. Marks each that is refused permanently; returns the first refusal. @param {Entry} entry */
  async #store(entry) {
    let first;
    try {
      this.#delivery.fits(entry);
      for (const picture of [...entry.images]) {
        if (!this.#wanted(entry)) return undefined;
        if (picture.media || !entry.images.includes(picture)) continue;
        const refusal = await this.#upload(entry, picture);
        first ??= refusal;
      }
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      return error;
    }
    return first;
  }

  /** Uploads a picture; returns a permanent refusal, and throws a temporary one. @param {Entry} entry @param {Picture} picture */
  async #upload(entry, picture) {
    const stop = new AbortController();
    this.#under.set(picture, { entry, stop });
    const tell = progress => {
      picture.progress = progress;
      this.#client.emit('upload', entry, picture);
    };
    Object.assign(picture, { error: undefined, reason: undefined });
    tell(0);
    try {
      const form = new FormData();
      form.append('images[]', await this.#prepared(picture.file), picture.name);
      const { images } = await this.#client.ask('POST', '/chat/upload', form, { progress: tell, signal: stop.signal });
      Object.assign(picture, { media: images[0], progress: 1 });
      this.#pacer.taken();
      return undefined;
    } catch (error) {
      picture.progress = 0;
      if (stop.signal.aborted) return undefined;
      const refusal = error instanceof ChatError ? error : new ChatError('image_invalid', String(error));
      if (refusal.temporary) this.#pacer.refused(refusal.retryAfter);
      if (mayPass(refusal)) throw refusal;
      Object.assign(picture, { error: refusal.code, reason: refusal.message });
      return refusal;
    } finally {
      this.#under.delete(picture);
      await this.#outbox.change(entry, { images: entry.images });
    }
  }

  async #prepared(file) {
    try {
      // A file that was changed or deleted since it was chosen cannot be read any more.
      await file.slice(0, 1).arrayBuffer();
    } catch (error) {
      throw new ChatError('image_invalid', `the file cannot be read any more: ${error.message}`);
    }
    return (await this.#client.options.prepare?.(file)) ?? file;
  }
}
