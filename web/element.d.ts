import type { ChatClient } from './chat-client.js';

/**
 * The elements with which a page shows the chat. Importing the module defines them; all on a page share one connection.
 *
 * ```html
 * <script type="module" src="https://shop.example/api/v1/element.js"></script>
 * <softadastra-chat user="7" token-url="/chat/token" lang="fr"></softadastra-chat>
 * ```
 *
 * Attributes of all three:
 *
 * - `base`: the hub with its base path; needed if the module does not come from the hub itself.
 * - `token-url`: where the page's own server returns the signed-in user's token, as `{"token": "…"}` or as plain text; 401 if no user
 *   is signed in. Without it the browser must send a cookie that the hub accepts.
 * - `lang`: `en`, `fr`, `sw` or `ar`; without it the page's language, or the browser's. The first element on a page decides for all.
 * - `theme`: `light`, `dark`, or `auto` (the browser's).
 *
 * Colours and sizes are CSS variables: `--softadastra-accent`, `-accent-hover`, `-on-accent`, `-mine`, `-mine-ink`, `-theirs`,
 * `-ground`, `-surface`, `-ink`, `-height`, `-radius`. Parts: `inbox`, `conversation`, `composer`; `button`; `count`.
 */

/**
 * `<softadastra-chat user="7" card="product:207">`: the list of conversations, and the conversation with `user`; its next message
 * is about `card`.
 *
 * - `autofocus`: focuses the message field.
 * - `history`: adds an entry to the browser's history for each conversation and each opened picture, so that Back closes it. Only for
 *   a page without a history of its own: the element uses `history.state`.
 *
 * A child with `slot="head"` is shown above the list of conversations instead of the title, one with `slot="foot"` below it.
 */
export class SoftadastraChat extends HTMLElement {
  /**
   * A client of the page's own, instead of `base` and `token-url`. Set it before the element is added to the page, or in the same
   * task. The page connects it; the element closes it when its credentials become another user's.
   */
  client?: ChatClient;
  /** Opens the conversation with a user; its next message is about `card`, if that is given. */
  open(user: number, card?: string | null): void;
  /** Focuses the search field. */
  search(): void;
  /** Opens the next conversation of the list, or with -1 the one before. */
  step(by: number): void;
}

/** `<softadastra-contact user="7" card="product:207">Message the seller</softadastra-contact>`: opens the conversation in the page's chat, or in a dialog. */
export class SoftadastraContact extends HTMLElement {
  open(): void;
}

/** `<softadastra-unread>`: the number of unread messages; empty if there are none. */
export class SoftadastraUnread extends HTMLElement {}

declare global {
  interface HTMLElementTagNameMap {
    'softadastra-chat': SoftadastraChat;
    'softadastra-contact': SoftadastraContact;
    'softadastra-unread': SoftadastraUnread;
  }

  /** The events bubble, also out of shadow trees. */
  interface HTMLElementEventMap {
    /** A conversation was opened; from `<softadastra-contact>`: will be opened, unless a listener calls `preventDefault()`. */
    'chat-open': CustomEvent<{ user: number; card?: string | null }>;
    /** No conversation is open: the list is shown alone. */
    'chat-leave': CustomEvent;
    'chat-unread': CustomEvent<{ count: number }>;
    /** A message that was written in the element is stored. */
    'chat-sent': CustomEvent<{ message: import('./chat-client.js').Message }>;
    /** A permanent error: no user is signed in (`unauthorized`), the token is invalid, or the page's origin is not allowed. */
    'chat-error': CustomEvent<{ code: import('./chat-client.js').ErrorCode; message: string }>;
  }
}
