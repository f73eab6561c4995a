// Who is calling: tokens and tickets, and whose they are.

export class Credentials {
  #getToken;
  #getTicket;
  #token;
  #fresh = false;

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
    const ticket = await this.#getTicket?.();
    const token = (this.#token = await this.#getToken?.({ fresh: this.#fresh }));
    this.#fresh = false;
    const claims = ticket ? { id: ticket.split('.')[1] } : JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')));
    return { shown: ticket ? { ticket } : { token }, user: +(claims.id ?? claims.user_id ?? claims.userId ?? claims.sub) };
  }

  /** Gets the token that REST shows; nothing, where a cookie does. */
  async token({ fresh }) {
    if (fresh) this.#token = undefined;
    return (this.#token ??= await this.#getToken?.({ fresh }));
  }
}
