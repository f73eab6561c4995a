/**
 * The client of Softadastra Chat, for browsers and Node.
 *
 * What holds, whatever breaks:
 *
 * - A message keeps its `temp_id` from `send()` until the server has answered for it, over reconnects and reloads. So it
 *   is stored once, however often it is sent; and it is sent once per connection, unless the server says "later".
 * - Of one conversation one message, edit or deletion is under way at a time, over all tabs. So errors do not change their
 *   order. What is refused for ever fails alone, and what stands behind it goes on.
 * - Text never waits for pictures: these are uploaded in a lane of their own, and their message takes its place in the order when
 *   they are stored.
 * - Everything that a client holds belongs to one user, the one of its token or ticket. When that becomes another user,
 *   it is all let go (`reset`), and what the first one has not sent waits until they are back.
 * - The cursor moves only when all that it covers has been applied. So a reconnect misses nothing.
 * - A thread's messages are an unbroken run up to the newest; a gap in its `rev` is filled before it counts.
 *
 * ```js
 * const chat = new ChatClient({ url: 'https://shop.example/api', getToken: () => session.token }).connect();
 * chat.on('message', (message, thread) => draw(thread));
 * await chat.send({ user: 7 }, { text: 'Still available?' });
 * ```
 */
export class ChatClient {
  constructor(options: Options);

  readonly state: State;
  /** Whose client this is: known from the first credential on. It changes when the credentials become another user's. */
  readonly me: number | undefined;
  /** What the server allows: known once online. */
  readonly limits: Limits | undefined;
  /** Unread totals, as the server counts them. */
  readonly counts: { messages: number; notifications: number };
  /** Who is there, of those one talks to. */
  readonly presence: Map<number, Presence>;
  /** Those that are here, newest first; see {@link loadNotifications}. */
  readonly notifications: Notification[] & { next?: string | null };

  /**
   * What the marketplace says of a user: null if that is nothing. Undefined if it is not here yet; then it is asked for, with all
   * others that are missed at the time, and `profile` tells when it has come. Told are profiles of people one has a thread with, and one's own.
   */
  profile(user: number): Profile | null | undefined;
  /** Cards as they are now; a {@link Message} has its card as it was when the message was sent. */
  readonly cards: Cards;

  /** Connects, and stays connected. */
  connect(): this;
  /**
   * Hangs up until `connect()`. What is written in this tab meanwhile waits (messages, edits and deletions), also while
   * other tabs of the same person are online. Called before the first `connect()`, the client begins like this: so a page
   * keeps its offline switch over a reload by calling `disconnect()` instead of `connect()` when it starts.
   */
  disconnect(): void;
  /** Ends for good. Unsent messages stay on disk. */
  close(): void;

  /** Calls back when something happens; the answer is the way to stop that. */
  on<K extends keyof Events>(name: K, listener: (...args: Events[K]) => void): () => void;
  /** The same to iterate over, from the first `next()` on: `for await (const [message, thread] of chat.stream('message'))`. */
  stream<K extends keyof Events>(name: K): AsyncGenerator<Events[K], void, void>;

  /**
   * The threads that are here, newest first; with `more`, after a further page. Waits for the first load, however long it
   * takes until there is a connection; rejects when the client is closed before.
   */
  threads(how?: { more?: boolean }): Promise<Thread[]>;
  /** Whether there are threads that are not here yet. */
  readonly hasMoreThreads: boolean;
  /** A thread that is here. */
  thread(to: To): Thread | undefined;
  /**
   * The messages that are here, oldest first; fetches a page if there are fewer than `atLeast` (50), or if `more` is asked
   * for. Waits for the first load as {@link threads} does.
   */
  messages(to: To, how?: { atLeast?: number; more?: boolean }): Promise<Message[]>;
  /** Every message, newest first, fetched as one goes. */
  history(to: To): AsyncGenerator<Message, void, void>;
  /** How far an own message has come. */
  status(message: Pick<Message, 'thread_id' | 'seq'>): 'sent' | 'delivered' | 'seen';
  /**
   * Changes an own text, now or as soon as it can be: the edit waits in {@link outbox}, in its conversation's order. By the
   * message's id, or by the `temp_id` of one that waits itself: as long as that was never sent, its text is changed where it
   * stands. Resolves with the message as the server has it; for a waiting message, when that is stored.
   */
  edit(message: number | string, content: string): Promise<Message>;
  /** Takes an own message back, in the same way; one that waits and was never sent is discarded. */
  delete(message: number | string): Promise<void>;
  /** Says that everything that is here has been read: at once, or as soon as the page is visible. */
  markSeen(to: To): void;
  /** Says that one types (call it at every key: it is told every three seconds), or no longer. */
  typing(to: To, on?: boolean): void;

  /** Sends a message, now or as soon as it can be. Resolves when the server has stored it. */
  send(to: To, draft: Draft): Promise<Message>;
  /** What waits to be sent, or has failed: messages, edits, deletions; oldest first. */
  outbox(to?: To): Entry[];
  /** Tries what has failed again; images that have arrived are not sent again. */
  retry(temp_id: string): void;
  /** Gives up a message, an edit or a deletion that has not been stored. */
  discard(temp_id: string): void;
  /**
   * Takes one picture out of a message that waits or has failed, and stops its upload. The text and the others go on; with nothing
   * left the message is discarded. Tells whether that was done: a message that is on its way itself keeps its pictures.
   */
  cancelUpload(temp_id: string, picture: Picture): Promise<boolean>;

  /**
   * Shows what a page has kept of an earlier visit, until everything has been loaded for the first time, which may be long after,
   * without a network: {@link threads} and {@link thread} give it, and nothing that comes in changes it. To be called before
   * `connect()`.
   */
  restore(threads: Thread[]): void;

  /** Fetches the newest notifications, or with `more` a further page. */
  loadNotifications(how?: { more?: boolean }): Promise<Notification[] & { next?: string | null }>;
  /** Marks one as read, or all. */
  readNotification(id?: number): Promise<void>;
  deleteNotification(id: number): Promise<void>;

  /**
   * Fetches an image of a message, as its reader. An `<img>` shows its address as it is ({@link src}) until its link runs out; this says
   * who asks, and works after that. Where the hub sends readers on to its store, the answer is an `opaqueredirect`, which an `<img>` may follow.
   */
  image(url: string): Promise<Response>;
  /** Where an image of a message is. */
  src(url: string): string;
}

/** Why something was refused. */
export class ChatError extends Error {
  constructor(code: ErrorCode, message?: string, temporary?: boolean, retryAfter?: number);
  readonly code: ErrorCode;
  /** Whether the same may succeed later; the client does that by itself where it can. */
  readonly temporary: boolean;
  /** When, in ms. */
  readonly retryAfter: number;
}

export interface Options {
  /** The hub with its base path: `https://shop.example/api`. */
  url: string;
  /** Gets a token; `fresh`: the last one was refused or is over. If it fails (rejects), it is asked again later. */
  getToken?: (how: { fresh: boolean }) => string | Promise<string>;
  /** Gets a single-use ticket, for pages that hold no token; REST then goes by the cookie. */
  getTicket?: () => string | Promise<string>;
  /** Whose client this is, if the outbox is to be shown before the first credential is here. */
  user?: number;
  /** Prepares a picture for upload; see `downscale` in images.js. One for which it fails is refused as `image_invalid`. */
  prepare?: (file: Blob) => Blob | Promise<Blob>;
  /** How long an answer may take, in ms (10,000). */
  timeout?: number;
  /** The least and the greatest span of the back-off, in ms ([500, 30,000]); the pause is a random part of it. */
  backoff?: [number, number];
  /** The WebSocket to use where there is none (Node before 22: the one of `ws` or `undici`). */
  WebSocket?: typeof WebSocket;
  /** Where unsent messages are kept (`indexedDB`; without one: in memory). */
  storage?: IDBFactory;
}

export interface Events {
  /** A message is new or has changed. */
  message: [message: Message, thread: Thread];
  /** Something of a thread has changed: its newest message, what is unread, how far the other side is. */
  thread: [thread: Thread];
  /** The other side types, or no longer. */
  typing: [thread: Thread, on: boolean];
  presence: [user: number, presence: Presence];
  /** What is known of a user is new, or another (null: nothing). */
  profile: [user: number, profile: Profile | null];
  /** A card is new here, or has changed (null: there is none of this name). */
  card: [name: CardRef, card: Card | null];
  /** A notification is new or has changed; without one: some were read or deleted. */
  notification: [notification?: Notification];
  counts: [counts: { messages: number; notifications: number }];
  /** Something that waits, or has failed, is new or has changed; it may be gone. */
  outbox: [entry: Entry];
  /** A picture of a message that waits has come further: see its `progress`. */
  upload: [entry: Entry, picture: Picture];
  /** The connection; `wait`: ms until the next attempt. */
  state: [state: State, wait: number];
  /** Everything was loaded anew, or let go for another user (see `me`): throw away what you have drawn. */
  reset: [];
  error: [error: ChatError];
}

/** `waiting`: will come back by itself. `paused`, `closed`: will not; `closed` may be by the server, see `error`. */
export type State = 'idle' | 'connecting' | 'online' | 'waiting' | 'paused' | 'closed';

/** A thread's id, a thread, or the other person. */
export type To = number | { id: number } | { user: number };

export interface Draft {
  text?: string;
  images?: Iterable<Blob>;
  extra_data?: { product_id: number };
  /** What it is about. A message may have a card alone. An unknown card is `not_found`, and the entry fails. */
  card?: CardName;
  /** The id of a message of the same thread. */
  reply_to?: number;
}

/** What is not stored yet: a message, or a change of one. */
export interface Entry {
  /** Its name, as `retry` and `discard` take it; of a message the `temp_id` that it will have. */
  temp_id: string;
  kind: 'message' | 'edit' | 'delete';
  state: 'pending' | 'failed';
  /** It was written in a tab that is paused (`disconnect`): no other tab sends it while that one lives. */
  held?: boolean;
  /** Why it failed: the code, and the same in words that a page can show. */
  error?: ErrorCode;
  reason?: string;
  receiver_id?: number;
  thread_id?: number;
  /** The message that an edit or a deletion is of; unknown while that message waits itself (see `of`). */
  message_id?: number;
  /** The `temp_id` of the message that it is of, where that was waiting itself. */
  of?: string;
  /** The text; of an edit, the new one. */
  content?: string;
  images: Picture[];
  extra_data?: { product_id: number };
  card?: CardRef;
  reply_to?: number;
  created_at: string;
}

export interface Picture {
  /** Which of the message's pictures it is, as that was written. */
  key: number;
  file: Blob;
  name: string;
  /** How much of it is uploaded, from 0 to 1. */
  progress: number;
  /** There once it is uploaded. */
  media?: Image;
  /** Why it was refused: the code, and the same in words. All pictures of a message are tried before it fails. */
  error?: ErrorCode;
  reason?: string;
}

export interface Message {
  id: number;
  thread_id: number;
  /** Its place in the thread, from 1, without gaps. */
  seq: number;
  /** The thread's count of changes when it last changed. */
  rev: number;
  /** `system`: the marketplace itself has written it. */
  kind: 'text' | 'system';
  /** Null if it is of kind `system`. */
  sender_id: number | null;
  temp_id: string | null;
  /** Null if it is deleted, or has images or a card alone. */
  content: string | null;
  image_urls: string[];
  images: Image[];
  extra_data: { product_id: number } | null;
  /** What it is about, as that was when the message was sent; see {@link ChatClient.cards} for how it is now. */
  card: Card | null;
  reply_to: number | null;
  created_at: string;
  edited_at: string | null;
  deleted: boolean;
}

export interface Image {
  id: string;
  url: string;
  thumb_url: string;
  width: number;
  height: number;
  bytes: number;
  mime: string;
  blurhash: string;
}

export interface Thread {
  id: number;
  other_user_id: number;
  /** What the marketplace says of the other side; null: nothing. */
  other: Profile | null;
  last_message: Message | null;
  last_seq: number;
  rev: number;
  unread: number;
  read_seq: number;
  other_read_seq: number;
  other_delivered_seq: number;
  created_at: string;
  updated_at: string;
  /** An unbroken run up to the newest, oldest first. */
  messages: Message[];
  /** The `seq` from which on messages are here; 1: all are. */
  low: number;
  /** Whether the other side types. */
  typing: boolean;
}

/** What the marketplace says of a user. */
export interface Profile {
  name: string;
  avatar_url: string | null;
  verified: boolean;
  role: 'buyer' | 'seller' | null;
  /** Their language (BCP 47) and time zone (IANA): there where the profile was asked for, and not only told. */
  locale?: string | null;
  timezone?: string | null;
}

export interface Cards {
  /** A card: null if there is none of this name. Undefined if it is not here yet; then it is asked for, and `card` tells when it has come. */
  get(name: CardName): Card | null | undefined;
}

/** The name of a card. */
export interface CardRef {
  kind: 'product' | 'order' | 'shop' | 'place';
  id: string;
}

/** How a card may be named: with its id as a text or a number, or in one text, as in `product:5`. */
export type CardName = CardRef | { kind: CardRef['kind']; id: number } | string;

/** A thing that a conversation is about, as the marketplace describes it. */
export interface Card extends CardRef {
  version: number;
  title: string;
  subtitle: string | null;
  image_url: string | null;
  /** A decimal number; `currency` is its code in ISO 4217. */
  amount: string | null;
  currency: string | null;
  url: string;
  /** What has become of it, in the marketplace's own words: `sold`, say. */
  state: string | null;
}

export interface Presence {
  online: boolean;
  last_seen: string | null;
}

export interface Notification {
  id: number;
  user_id: number;
  /** `chat`, or whatever the marketplace calls it. */
  type: string;
  title: string;
  body: string;
  /** Of type `chat`: the thread. */
  related_id: number | null;
  count: number;
  is_read: boolean;
  created_at: string;
  updated_at: string;
}

export interface Limits {
  frame_bytes: number;
  text_chars: number;
  images: number;
  in_flight: number;
  rate: number | null;
}

/** The protocol's codes, and the client's own. */
export type ErrorCode =
  | 'bad_request' | 'unknown_type' | 'sender_mismatch' | 'empty_message' | 'text_too_long' | 'too_many_images'
  | 'self_message' | 'unauthorized' | 'ticket_used' | 'forbidden' | 'forbidden_origin' | 'not_author'
  | 'edit_window_closed' | 'suspended' | 'not_found' | 'temp_id_conflict' | 'conflict' | 'gone_cursor' | 'image_too_large' | 'unsupported_media'
  | 'image_invalid' | 'rate_limited' | 'overloaded' | 'unavailable' | 'shutting_down' | 'internal'
  | ClientErrorCode;

/**
 * What the client says itself:
 *
 * - `network`: no answer, or something that is no hub at its address; it tries again.
 * - `storage`: an unsent message cannot be kept; the disk is full, say.
 * - `too_large`: what was to be sent is larger than a frame may be.
 * - `other_user`: the credentials have become another user's, so this was not done.
 * - `token`: `getToken` or `getTicket` has failed; it tries again.
 *
 * After these the client is `closed`, for to try again would not help:
 *
 * - `closed`: by `close()`, or by the server for good (the message has its close code). Also: discarded.
 * - `bad_token`: `getToken` gives none, or something that is no token; `bad_ticket`: the same of `getTicket`.
 * - `no_websocket`: there is no `WebSocket` here; hand one over in the options.
 * - `bad_url`: no connection can be made to that address at all.
 * - the protocol's `unauthorized` (also with a fresh token) and `forbidden_origin` (`CHAT_ALLOWED_ORIGINS` of the hub).
 */
export type ClientErrorCode =
  | 'network' | 'storage' | 'too_large' | 'other_user' | 'token'
  | 'closed' | 'bad_token' | 'bad_ticket' | 'no_websocket' | 'bad_url';
