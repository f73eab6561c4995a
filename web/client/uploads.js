// Pictures on their way, in a lane of their own: a message waits for its pictures, and nothing waits for it.
//
//   entry with pictures -> one after another is stored -> the entry can be sent | it has failed, each bad picture with a reason

import { ChatError, mayPass } from './errors.js';
import { Pacer } from './pacer.js';

/** @typedef {import('./outbox.js').Entry} Entry */
/** @typedef {import('../chat-client.js').Picture} Picture */

export class Uploads {
  #account;
  #client;
  #outbox;
  #delivery;
  /** One message's pictures at a time: on a slow line those of two would all come late. */ #pacer = new Pacer();
  /** The messages whose pictures are on their way, or next, by name. */ #taken = new Set();
  /** What is under way, and what stops it. @type {Map<Picture, {entry: Entry, stop: AbortController}>} */ #under = new Map();

  constructor(account, client, outbox, delivery) {
    this.#account = account;
    this.#client = client;
    this.#outbox = outbox;
    this.#delivery = delivery;
  }

  begin() {
    this.#pacer.begin({ in_flight: 3 }); // two are the connection's own
    this.run();
  }

  hungUp() {
    this.#pacer.end();
  }

  /** Stops all that is under way. */
  stop() {
    for (const { stop } of this.#under.values()) stop.abort();
  }

  /** Begins with every message that has pictures to be stored, and stops with what is not to be sent any more. */
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

  /** Stores a message's pictures. Each that is refused for ever is marked; gives the first refusal. @param {Entry} entry */
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

  /** Gives why a picture is refused for ever; throws what may pass. @param {Entry} entry @param {Picture} picture */
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
      // A file that was changed or deleted since it was chosen cannot be read, nor ever sent.
      await file.slice(0, 1).arrayBuffer();
    } catch (error) {
      throw new ChatError('image_invalid', `the file cannot be read any more: ${error.message}`);
    }
    return (await this.#client.options.prepare?.(file)) ?? file;
  }
}
