/**
 * The client of Softadastra Chat, for browsers and Node.
 *
 * Guarantees, whatever fails:
 *
 * - A message keeps its `temp_id` from `send()` until the server has answered, over reconnects and reloads. So it is stored
 *   once, however often it is sent; and it is sent once per connection, unless the server refuses it temporarily.
 * - In each conversation one message, edit or deletion is in flight at a time, over all tabs. So errors do not change their
 *   order. An entry that is refused permanently fails alone, and the entries behind it go on.
 * - Text never waits for pictures: they are uploaded in a queue of their own, and their message takes its place in the order
 *   when they are stored.
 * - All data of a client belongs to one user, the one of its token or ticket. When that becomes another user, the client drops
 *   all of it (`reset`); what the first user has not sent waits until that user is back.
 * - The cursor moves only when everything up to it has been applied. So a reconnect misses nothing.
 * - A thread's messages have no gaps up to the newest; a gap in its `rev` is filled before later changes are applied.
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
  /** The user of the client: known from the first credential on. Changes when the credentials become another user's. */
  readonly me: number | undefined;
  /** The server's limits: known once online. */
  readonly limits: Limits | undefined;
  /** Unread totals, as the server counts them. */
  readonly counts: { messages: number; notifications: number };
  /** The presence of the users who share a thread with this one, by user. */
  readonly presence: Map<number, Presence>;
  /** The loaded notifications, newest first; see {@link loadNotifications}. */
  readonly notifications: Notification[] & { next?: string | null };

  /**
   * Returns a user's profile: null if the marketplace gives none; undefined if it is not loaded yet: then the client requests
   * it, and emits `profile`. The server shows the profiles of users who share a thread with this one, and the user's own.
   */
  profile(user: number): Profile | null | undefined;
  /** Cards as they are now; a {@link Message} has its card as it was when the message was sent. */
  readonly cards: Cards;

  /** Connects, and stays connected. */
  connect(): this;
  /**
   * Disconnects until `connect()`. What is written in this tab meanwhile waits (messages, edits and deletions), also while other
   * tabs of the same user are online. A page can keep an offline switch over a reload: when it starts, it calls `disconnect()`
   * instead of `connect()`.
   */
  disconnect(): void;
  /** Ends for good. Unsent messages stay in the store. */
  close(): void;

  /** Adds a listener of an event; returns a function that removes it. */
  on<K extends keyof Events>(name: K, listener: (...args: Events[K]) => void): () => void;
  /** The events to iterate over, from the first `next()` on: `for await (const [message, thread] of chat.stream('message'))`. */
  stream<K extends keyof Events>(name: K): AsyncGenerator<Events[K], void, void>;

  /**
   * Returns the loaded threads, newest first; with `more`, loads a further page before. Waits for the first load, however long
   * it takes to connect; rejects if the client is closed before.
   */
  threads(how?: { more?: boolean }): Promise<Thread[]>;
  /** Whether there are threads that are not loaded yet. */
  readonly hasMoreThreads: boolean;
  /** Returns a loaded thread. */
  thread(to: To): Thread | undefined;
  /**
   * Returns the loaded messages, oldest first; loads a page before if there are fewer than `atLeast` (50), or with `more`. Waits
   * for the first load as {@link threads} does.
   */
  messages(to: To, how?: { atLeast?: number; more?: boolean }): Promise<Message[]>;
  /** Yields every message, newest first, and loads them page by page. */
  history(to: To): AsyncGenerator<Message, void, void>;
  /** Returns how far a message of this user has come. */
  status(message: Pick<Message, 'thread_id' | 'seq'>): 'sent' | 'delivered' | 'seen';
  /**
   * Edits a message of this user: the edit waits in {@link outbox}, in its conversation's order, until it can be sent. Takes the
   * id of the message, or the `temp_id` of a waiting one, whose text is changed in place if it was never sent. Resolves with the
   * message as the server has stored it.
   */
  edit(message: number | string, content: string): Promise<Message>;
  /** Deletes a message of this user, in the same way; discards a waiting one that was never sent. */
  delete(message: number | string): Promise<void>;
  /** Marks all loaded messages of a thread as read: at once, or as soon as the page is visible. */
  markSeen(to: To): void;
  /** Tells the other side that the user types, or has stopped. Call it at every key: it is sent every three seconds at most. */
  typing(to: To, on?: boolean): void;

  /** Sends a message, at once or when it can be sent. Resolves when the server has stored it. */
  send(to: To, draft: Draft): Promise<Message>;
  /** Returns the messages, edits and deletions that wait to be sent or have failed, oldest first. */
  outbox(to?: To): Entry[];
  /** Sends a failed entry again; pictures that are uploaded are not uploaded again. */
  retry(temp_id: string): void;
  /** Drops a message, an edit or a deletion that is not stored yet. */
  discard(temp_id: string): void;
  /**
   * Removes one picture from a message that waits or has failed, and stops its upload. The text and the other pictures stay; if
   * nothing is left, the message is discarded. Resolves with whether it was removed: a message that was sent keeps its pictures.
   */
  cancelUpload(temp_id: string, picture: Picture): Promise<boolean>;

  /**
   * Sets the threads that a page has kept of an earlier visit. Until everything is loaded for the first time, which may take long
   * without a network, {@link threads} and {@link thread} return them, and events do not change them. Does nothing once the
   * client was online.
   */
  restore(threads: Thread[]): void;

  /** Loads the newest notifications, or with `more` a further page. */
  loadNotifications(how?: { more?: boolean }): Promise<Notification[] & { next?: string | null }>;
  /** Marks one notification as read, or all. */
  readNotification(id?: number): Promise<void>;
  deleteNotification(id: number): Promise<void>;

  /**
   * Fetches an image of a message with the user's credentials. An `<img>` can show its address ({@link src}) until the signed
   * link expires. If the hub redirects readers to its store, the answer is an `opaqueredirect`: only an `<img>` can follow it.
   */
  image(url: string): Promise<Response>;
  /** Returns the address of an image of a message. */
  src(url: string): string;
}

/** An error of the client or of the server. */
export class ChatError extends Error {
  constructor(code: ErrorCode, message?: string, temporary?: boolean, retryAfter?: number);
  readonly code: ErrorCode;
  /** Whether the same may succeed later; the client does that by itself where it can. */
  readonly temporary: boolean;
  /** After how long it may succeed, in ms; 0: not known. */
  readonly retryAfter: number;
}

export interface Options {
  /** The hub with its base path: `https://shop.example/api`. */
  url: string;
  /** Returns a token; `fresh`: the last one was refused or has expired. If it rejects, the client calls it again later. */
  getToken?: (how: { fresh: boolean }) => string | Promise<string>;
  /** Returns a single-use ticket, for pages that have no token; REST requests then use the cookie. */
  getTicket?: () => string | Promise<string>;
  /** The user, if the outbox is to be shown before the first credential is known. */
  user?: number;
  /** Prepares a picture for upload; see `downscale` in images.js. If it rejects, the picture is refused as `image_invalid`. */
  prepare?: (file: Blob) => Blob | Promise<Blob>;
  /** How long an answer may take, in ms (10,000). */
  timeout?: number;
  /** The first and the longest span of the back-off, in ms ([500, 30,000]); each pause is a random part of its span. */
  backoff?: [number, number];
  /** The WebSocket to use where there is none (Node before 22: the one of `ws` or `undici`). */
  WebSocket?: typeof WebSocket;
  /** The database for unsent messages (`indexedDB`; without it they are kept in memory). */
  storage?: IDBFactory;
}

export interface Events {
  /** A message is new or has changed. */
  message: [message: Message, thread: Thread];
  /** A thread is new or has changed: its newest message, its unread count, how far the other side has read. */
  thread: [thread: Thread];
  /** The other side types, or has stopped. */
  typing: [thread: Thread, on: boolean];
  presence: [user: number, presence: Presence];
  /** A profile is loaded or has changed (null: the marketplace gives none). */
  profile: [user: number, profile: Profile | null];
  /** A card is loaded or has changed (null: there is none of this name). */
  card: [name: CardRef, card: Card | null];
  /** A notification is new or has changed; without one: some were read or deleted. */
  notification: [notification?: Notification];
  counts: [counts: { messages: number; notifications: number }];
  /** An entry of the outbox is new, has changed, or was removed. */
  outbox: [entry: Entry];
  /** The `progress` of an upload has changed. */
  upload: [entry: Entry, picture: Picture];
  /** The state of the connection has changed; `wait`: ms until the next attempt. */
  state: [state: State, wait: number];
  /** Everything was loaded again, or dropped for another user (see `me`): redraw everything. */
  reset: [];
  error: [error: ChatError];
}

/** `waiting`: the client reconnects by itself. `paused`, `closed`: it does not. The server may have closed it: see `error`. */
export type State = 'idle' | 'connecting' | 'online' | 'waiting' | 'paused' | 'closed';

/** A thread's id, a thread, or its other user. */
export type To = number | { id: number } | { user: number };

export interface Draft {
  text?: string;
  images?: Iterable<Blob>;
  extra_data?: { product_id: number };
  /** What the message is about. A message may have only a card. If the card is unknown, the entry fails with `not_found`. */
  card?: CardName;
  /** The id of a message of the same thread. */
  reply_to?: number;
}

/** An entry of the outbox: a message, edit or deletion that is not stored yet. */
export interface Entry {
  /** The entry's key, for `retry` and `discard`; of a message also its `temp_id`. */
  temp_id: string;
  kind: 'message' | 'edit' | 'delete';
  state: 'pending' | 'failed';
  /** Whether it was written in a tab that is paused (`disconnect`): no other tab sends it while that tab exists. */
  held?: boolean;
  /** Why it failed: the code, and the same in words. */
  error?: ErrorCode;
  reason?: string;
  receiver_id?: number;
  thread_id?: number;
  /** The message to edit or delete; undefined while that message is not stored itself (see `of`). */
  message_id?: number;
  /** The `temp_id` of the message to edit or delete, if that was not stored when the entry was written. */
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
  /** The picture's index in the message as it was written. */
  key: number;
  file: Blob;
  name: string;
  /** How much of it is uploaded, from 0 to 1. */
  progress: number;
  /** Set once it is uploaded. */
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
  /** Null if the message is deleted, or has only images or a card. */
  content: string | null;
  image_urls: string[];
  images: Image[];
  extra_data: { product_id: number } | null;
  /** What the message is about, as it was when the message was sent; {@link ChatClient.cards} has it as it is now. */
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
  /** The profile of the other user; null: the marketplace gives none. */
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
  /** The loaded messages, oldest first, without gaps up to the newest. */
  messages: Message[];
  /** The `seq` from which on messages are loaded; 1: all are. */
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
  /** The user's language (BCP 47) and time zone (IANA). Missing if the profile has come with an event or a thread alone. */
  locale?: string | null;
  timezone?: string | null;
}

export interface Cards {
  /** Returns a card: null if none has this name; undefined if it is not loaded yet: then the client requests it, and emits `card`. */
  get(name: CardName): Card | null | undefined;
}

/** The name of a card. */
export interface CardRef {
  kind: 'product' | 'order' | 'shop' | 'place';
  id: string;
}

/** The name of a card: its kind and id (a string or a number), or both in one string, as in `product:5`. */
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
  /** Its state, in the marketplace's own words, like `sold`. */
  state: string | null;
}

export interface Presence {
  online: boolean;
  last_seen: string | null;
}

export interface Notification {
  id: number;
  user_id: number;
  /** `chat`, or a type of the marketplace's own. */
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
 * The client's own codes:
 *
 * - `network`: no answer, or the server at the address is no hub; the client tries again.
 * - `storage`: an unsent message cannot be stored, as when the disk is full.
 * - `too_large`: the message is larger than a frame may be.
 * - `other_user`: the credentials have become another user's, so this was not done.
 * - `token`: `getToken` or `getTicket` has failed; the client tries again.
 *
 * After these the client is `closed`, because to try again would not help:
 *
 * - `closed`: by `close()`, or by the server for good (the message has its close code). Also of an entry that was discarded.
 * - `bad_token`: `getToken` returns no token, or an invalid one; `bad_ticket`: the same of `getTicket`.
 * - `no_websocket`: there is no `WebSocket` here; pass one in the options.
 * - `bad_url`: no connection can be made to that address at all.
 * - the protocol's `unauthorized` (also with a fresh token) and `forbidden_origin` (`CHAT_ALLOWED_ORIGINS` of the hub).
 */
export type ClientErrorCode =
  | 'network' | 'storage' | 'too_large' | 'other_user' | 'token'
  | 'closed' | 'bad_token' | 'bad_ticket' | 'no_websocket' | 'bad_url';
