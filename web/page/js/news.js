// Which messages are news: those of others that were not there before.

/** @typedef {import('../../chat-client.js').Message} Message */
/** @typedef {import('../../chat-client.js').Thread} Thread */

/** @param {{chat: import('../../chat-client.js').ChatClient, me: number}} context @param {(message: Message, thread: Thread) => void} tell is told of each */
export function news({ chat, me }, tell) {
  /** The newest message of each thread that is no news any more, by `seq`. @type {Map<number, number>} */ const heard = new Map();

  chat.on('message', (message, thread) => {
    if (message.sender_id === me || message.deleted) return;
    // Of a thread that is new here, a message that was changed may be an old one.
    const last = heard.get(thread.id) ?? (message.edited_at ? message.seq : 0);
    if (message.seq <= last) return;
    heard.set(thread.id, message.seq);
    tell(message, thread);
  });

  // What is there at the start, or after everything was loaded anew, is no news.
  async function hear() {
    heard.clear();
    for (const thread of await chat.threads().catch(() => [])) heard.set(thread.id, thread.last_seq);
  }

  chat.on('reset', hear);
  hear();
}
