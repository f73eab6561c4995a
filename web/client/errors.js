// Errors of the client and of the server.

export class ChatError extends Error {
  constructor(code, message = code, temporary = false, retryAfter = 0) {
    super(message);
    this.code = code;
    this.temporary = temporary;
    this.retryAfter = retryAfter;
  }
}

/** Makes the error of a refusal by the server, in a frame or in an answer. */
export const refusal = error => new ChatError(error.code, error.message, error.temporary, error.retry_after_ms);

/** Codes that refuse the sender and not the entry: the entry waits for good credentials. */
const OF_THE_SENDER = new Set(['unauthorized', 'ticket_used', 'other_user', 'token', 'bad_token', 'bad_ticket', 'forbidden_origin']);

/** Tells whether the same entry may succeed later. @param {ChatError} error */
export const mayPass = error => error.temporary || OF_THE_SENDER.has(error.code);
