// The user's notifications.

import { newest } from './time.js';

export class Notifications {
  list = /** @type {any[] & {next?: string}} */ ([]);
  #emit;
  #ask;

  constructor(emit, ask) {
    this.#emit = emit;
    this.#ask = ask;
  }

  async load({ more = false } = {}) {
    const { next } = this.list;
    const page = await this.#ask('GET', '/notifications' + (more && next ? '?before=' + encodeURIComponent(next) : ''));
    for (const notification of page.notifications) this.take(notification);
    if (more || next === undefined) this.list.next = page.next;
    return this.list;
  }

  async read(id) {
    await this.#ask('POST', `/notifications/${id ? id + '/read' : 'read-all'}`);
    this.wasRead(id);
  }

  async delete(id) {
    await this.#ask('DELETE', `/notifications/${id}`);
    this.wasDeleted(id);
  }

  take(notification) {
    const held = this.list.find(n => n.id === notification.id);
    if (!held) this.list.push(notification);
    else if (held.updated_at <= notification.updated_at) Object.assign(held, notification);
    this.list.sort(newest);
    this.#emit('notification', notification);
  }

  wasRead(id) {
    for (const n of this.list) n.is_read ||= !id || n.id === id;
    this.#emit('notification');
  }

  wasDeleted(id) {
    const { next } = this.list;
    this.list = Object.assign(this.list.filter(n => id && n.id !== id), { next });
    this.#emit('notification');
  }

  clear() {
    this.list = [];
  }
}
