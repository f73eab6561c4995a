// Finds the messages to alert the user to: those of other users that are new.

/** @typedef {import('../../chat-client.js').Message} Message */
/** @typedef {import('../../chat-client.js').Thread} Thread */

/** @param {{chat: import('../../chat-client.js').ChatClient, me: number}} context @param {(message: Message, thread: Thread) => void} tell is called with each */
export function news({ chat, me }, tell) {
  /** By thread, the `seq` of the newest message that is not new any more. @type {Map<number, number>} */ const heard = new Map();

  chat.on('message', (message, thread) => {
    if (message.sender_id === me || message.deleted) return;
    // In a thread that is not known yet, an edited message may be an old one.
    const last = heard.get(thread.id) ?? (message.edited_at ? message.seq : 0);
    if (message.seq <= last) return;
    heard.set(thread.id, message.seq);
    tell(message, thread);
  });

  // Messages that are loaded at the start, or after a reset, are not new.
  async function hear() {
    heard.clear();
    for (const thread of await chat.threads().catch(() => [])) heard.set(thread.id, thread.last_seq);
  }

  chat.on('reset', hear);
  hear();
}
