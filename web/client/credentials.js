// Who is calling: tokens and tickets, and whose they are.

import { ChatError } from './errors.js';

export class Credentials {
  #getToken;
  #getTicket;
  #token;
  #fresh = false;
  /** Users as credentials name them, where the server has said that they mean another one. */ #meant = new Map();
  #named;

  constructor({ getToken, getTicket }) {
    this.#getToken = getToken;
    this.#getTicket = getTicket;
  }

  /** The last token was refused, or is over. */
  renew() {
    this.#fresh = true;
  }

  /** Gets what opens a connection, and whose it is. */
  async forConnection() {
    const fresh = this.#fresh;
    if (this.#getTicket) {
      const ticket = await this.#call(this.#getTicket);
      this.#token = this.#getToken && (await this.#call(this.#getToken, { fresh }));
      this.#fresh = false;
      return { shown: { ticket }, user: this.#whose(ofTicket(ticket)) };
    }
    const token = (this.#token = await this.#call(this.#getToken, { fresh }));
    this.#fresh = false;
    return { shown: { token }, user: this.#whose(ofToken(token)) };
  }

  /** Gets the token that REST shows, and whose it is; neither, where a cookie does. */
  async forRest({ fresh = false } = {}) {
    if (!this.#getToken) return {};
    if (fresh) this.#token = undefined;
    const token = (this.#token ??= await this.#call(this.#getToken, { fresh }));
    return { token, user: this.#whose(ofToken(token)) };
  }

  /** The server says whose the last credentials are. */
  belongTo(user) {
    this.#meant.set(this.#named, user);
  }

  #whose(named) {
    this.#named = named;
    return this.#meant.get(named) ?? named;
  }

  /** Asks the page. What fails there may succeed later, unless the page says otherwise. */
  async #call(get, how) {
    if (get && typeof get !== 'function') throw new ChatError('bad_token', 'getToken and getTicket are functions');
    try {
      return await get?.(how);
    } catch (error) {
      throw error instanceof ChatError ? error : new ChatError('token', `getToken or getTicket has failed: ${error?.message ?? error}`, true);
    }
  }
}

/** Tells whose a token is: by the first of these claims, as the server does. */
export function ofToken(token) {
  let user;
  try {
    const claims = JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')));
    user = +(claims.id ?? claims.user_id ?? claims.userId ?? claims.sub);
  } catch {}
  if (user > 0) return user;
  throw new ChatError('bad_token', token ? 'what getToken gives is no token of the core (a JWT with the user\'s id)' : 'getToken gives no token: no user is signed in');
}

/** Tells whose a ticket is: `<uuid>.<user>.<exp>.<mac>`. */
export function ofTicket(ticket) {
  const user = typeof ticket === 'string' ? +ticket.split('.')[1] : 0;
  if (user > 0) return user;
  throw new ChatError('bad_ticket', ticket ? 'what getTicket gives is no ticket' : 'getTicket gives no ticket: no user is signed in');
}
