// Why something was refused.

export class ChatError extends Error {
  constructor(code, message = code, temporary = false, retryAfter = 0) {
    super(message);
    this.code = code;
    this.temporary = temporary;
    this.retryAfter = retryAfter;
  }
}

/** What the server's refusal says, in a frame or in an answer. */
export const refusal = error => new ChatError(error.code, error.message, error.temporary, error.retry_after_ms);

/** Refusals of who sends, and not of what is sent: it waits until the sender is known again. */
const OF_THE_SENDER = new Set(['unauthorized', 'ticket_used', 'other_user', 'token', 'bad_token', 'bad_ticket', 'forbidden_origin']);

/** Tells whether the same may be taken later. @param {ChatError} error */
export const mayPass = error => error.temporary || OF_THE_SENDER.has(error.code);
