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
 * - `base`: the hub with its base path; needed where the module does not come from the hub itself.
 * - `token-url`: where the page's own server gives the signed-in user's token, as `{"token": "…"}` or as a text; 401 if no user is
 *   signed in. Without it a cookie that the hub knows must say who asks.
 * - `lang`: `en`, `fr`, `sw` or `ar`; without it the page's language, or the browser's. The first element on a page decides.
 * - `theme`: `light`, `dark`, or `auto` (the browser's).
 *
 * Colours and sizes are CSS variables: `--softadastra-accent`, `-accent-hover`, `-on-accent`, `-mine`, `-mine-ink`, `-theirs`,
 * `-ground`, `-surface`, `-ink`, `-height`, `-radius`. Parts: `inbox`, `conversation`, `composer`; `button`; `count`.
 */

/**
 * `<softadastra-chat user="7" card="product:207">`: the conversations, and the one with `user`; its next message is about `card`.
 *
 * - `autofocus`: one writes at once.
 * - `history`: each conversation, and each look at a picture, is an entry of the browser's history, so that back goes back. For a page
 *   that the chat has for itself: `history.state` is the element's then.
 *
 * What has `slot="head"` stands above the list of conversations instead of the title, what has `slot="foot"` below it.
 */
export class SoftadastraChat extends HTMLElement {
  /**
   * A client that the page has already, instead of `base` and `token-url`: set before the element is in the page, or in the same turn.
   * The page connects it; it is closed when it becomes another user's.
   */
  client?: ChatClient;
  /** Opens the conversation with a user, about a card, if one is named. */
  open(user: number, card?: string | null): void;
  /** Goes to where one searches. */
  search(): void;
  /** Opens the next conversation of the list, or with -1 the one before. */
  step(by: number): void;
}

/** `<softadastra-contact user="7" card="product:207">Message the seller</softadastra-contact>`: opens the conversation in the page's chat, or in a window. */
export class SoftadastraContact extends HTMLElement {
  open(): void;
}

/** `<softadastra-unread>`: how many messages are unread; nothing, while there is none. */
export class SoftadastraUnread extends HTMLElement {}

declare global {
  interface HTMLElementTagNameMap {
    'softadastra-chat': SoftadastraChat;
    'softadastra-contact': SoftadastraContact;
    'softadastra-unread': SoftadastraUnread;
  }

  /** They bubble, out of shadows, too. */
  interface HTMLElementEventMap {
    /** A conversation was opened; `<softadastra-contact>` asks before it opens one: `preventDefault()` leaves that to the page. */
    'chat-open': CustomEvent<{ user: number; card?: string | null }>;
    /** No conversation is open: the list is shown alone. */
    'chat-leave': CustomEvent;
    'chat-unread': CustomEvent<{ count: number }>;
    /** A message that was written in the element is stored. */
    'chat-sent': CustomEvent<{ message: import('./chat-client.js').Message }>;
    /** Something is refused for good: no user is signed in (`unauthorized`), the token is none, an origin is not allowed. */
    'chat-error': CustomEvent<{ code: import('./chat-client.js').ErrorCode; message: string }>;
  }
}
