// Requests over HTTP.

import { ChatError, refusal } from './errors.js';
import { sleep } from './time.js';
import { Turns } from './turns.js';

/** How many requests at a time: the server allows a user only a few. */
const AT_ONCE = 4;

/** After how long without progress, or an answer, an upload is aborted, in ms. */
const STALLED = 6e4;

export class Rest {
  #turns = new Turns(AT_ONCE);
  #base;
  #credentials;

  constructor(base, credentials) {
    this.#base = base;
    this.#credentials = credentials;
  }

  /**
   * Sends a request; repeats a GET that fails temporarily. With `upload`, the body is a form, whose `progress` is reported.
   * `belongs` gets the token's user, and throws to refuse. The user of a cookie is unknown here, so `Chat-User` tells the server
   * who is meant; if the cookie is another user's, `mistaken` is called, which throws.
   */
  async ask({ me, belongs, mistaken }, method, path, body, upload) {
    for (let attempt = 0, fresh = false; ; attempt++) {
      const { token, user } = await this.#credentials.forRest({ fresh });
      if (user) belongs(user);
      const shown = token ? { Authorization: 'Bearer ' + token } : me ? { 'Chat-User': String(me) } : {};
      const asked = () => request(method, this.#base + path, shown, body, upload).catch(() => ({ status: 0, text: '' }));
      const { status, text } = await (upload ? asked() : this.#turns.run(asked));
      if (status >= 200 && status < 300) return text && JSON.parse(text);
      if (status === 401 && token && !fresh) {
        fresh = true;
        continue;
      }
      let error = new ChatError(status ? 'internal' : 'network', `${method} ${path}: ${status || 'no answer'}`, !status || status > 499);
      try {
        error = refusal(JSON.parse(text).error);
      } catch {}
      if (error.code === 'sender_mismatch') mistaken();
      if (!error.temporary || method !== 'GET' || attempt > 3) throw error;
      await sleep(error.retryAfter || 200 * 2 ** attempt * Math.random());
    }
  }

  /** Fetches an image with the user's credentials. Returns a redirect to the hub's store as it is: a script cannot follow it. */
  async image(url) {
    for (let fresh = false; ; fresh = true) {
      const { token } = await this.#credentials.forRest({ fresh });
      const answer = await fetch(url, { ...(token ? { headers: { Authorization: 'Bearer ' + token } } : { credentials: 'include' }), redirect: 'manual' });
      if (answer.status !== 401 || !token || fresh) return answer;
    }
  }
}

// Only XMLHttpRequest reports the progress of an upload.
function request(method, url, shown, body, upload) {
  const headers = new Headers(shown);
  if (body && !upload) {
    headers.set('Content-Type', 'application/json');
    body = JSON.stringify(body);
  }
  if (!upload || !globalThis.XMLHttpRequest) {
    const signal = upload ? AbortSignal.any([upload.signal, AbortSignal.timeout(12e4)]) : AbortSignal.timeout(2e4);
    return fetch(url, { method, headers, body, credentials: 'include', signal }).then(async answer => ({ status: answer.status, text: await answer.text() }));
  }
  return new Promise((done, fail) => {
    const { signal, progress } = upload;
    signal.throwIfAborted();
    const xhr = new XMLHttpRequest();
    // A slow upload may take long; one without progress is aborted.
    let stalled;
    const alive = () => {
      clearTimeout(stalled);
      stalled = setTimeout(() => xhr.abort(), STALLED);
    };
    xhr.open(method, url);
    xhr.withCredentials = true;
    headers.forEach((value, name) => xhr.setRequestHeader(name, value));
    xhr.upload.onprogress = event => {
      alive();
      progress(event.loaded / event.total);
    };
    xhr.onload = () => done({ status: xhr.status, text: xhr.responseText });
    xhr.onerror = xhr.onabort = fail;
    xhr.onloadend = () => clearTimeout(stalled);
    signal.addEventListener('abort', () => xhr.abort(), { once: true });
    alive();
    xhr.send(body);
  });
}
