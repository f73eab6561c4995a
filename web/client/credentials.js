// The client's credentials (tokens and tickets), and their users.

import { ChatError } from './errors.js';

export class Credentials {
  #getToken;
  #getTicket;
  #token;
  #fresh = false;
  /** The users that the server has given (`auth_ok`), by the users that the credentials name. */ #meant = new Map();
  #named;

  constructor({ getToken, getTicket }) {
    this.#getToken = getToken;
    this.#getTicket = getTicket;
  }

  /** Notes that the last token was refused or has expired. */
  renew() {
    this.#fresh = true;
  }

  /** Gets the credential for a connection, and its user. */
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

  /** Gets the token for REST requests, and its user; neither, if the requests use a cookie. */
  async forRest({ fresh = false } = {}) {
    if (!this.#getToken) return {};
    if (fresh) this.#token = undefined;
    const token = (this.#token ??= await this.#call(this.#getToken, { fresh }));
    return { token, user: this.#whose(ofToken(token)) };
  }

  /** Records the user that the server has given for the last credential. */
  belongTo(user) {
    this.#meant.set(this.#named, user);
  }

  #whose(named) {
    this.#named = named;
    return this.#meant.get(named) ?? named;
  }

  /** Calls a function of the page. Its failure is temporary, unless it throws a `ChatError` of its own. */
  async #call(get, how) {
    if (get && typeof get !== 'function') throw new ChatError('bad_token', 'getToken and getTicket are functions');
    try {
      return await get?.(how);
    } catch (error) {
      throw error instanceof ChatError ? error : new ChatError('token', `getToken or getTicket has failed: ${error?.message ?? error}`, true);
    }
  }
}

/** Returns the user of a token: the first of these claims, as the server reads them. */
export function ofToken(token) {
  let user;
  try {
    const claims = JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')));
    user = +(claims.id ?? claims.user_id ?? claims.userId ?? claims.sub);
  } catch {}
  if (user > 0) return user;
  throw new ChatError('bad_token', token ? 'what getToken gives is no token of the core (a JWT with the user\'s id)' : 'getToken gives no token: no user is signed in');
}

/** Returns the user of a ticket, which is `<uuid>.<user>.<exp>.<mac>`. */
export function ofTicket(ticket) {
  const user = typeof ticket === 'string' ? +ticket.split('.')[1] : 0;
  if (user > 0) return user;
  throw new ChatError('bad_ticket', ticket ? 'what getTicket gives is no ticket' : 'getTicket gives no ticket: no user is signed in');
}
