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
