// Questions over HTTP.

import { ChatError, refusal } from './errors.js';
import { sleep } from './time.js';
import { Turns } from './turns.js';

/** How many requests at a time: the server takes a few of one person. */
const AT_ONCE = 4;

export class Rest {
  #turns = new Turns(AT_ONCE);
  #base;
  #credentials;

  constructor(base, credentials) {
    this.#base = base;
    this.#credentials = credentials;
  }

  /**
   * Asks; reading is tried again where that may help. With `progress` the body is a form. `belongs` is told whose token
   * would be shown, and refuses by throwing. A cookie does not show whose it is: so the server is told who is meant.
   */
  async ask({ me, belongs, mistaken }, method, path, body, progress) {
    for (let attempt = 0, fresh = false; ; attempt++) {
      const { token, user } = await this.#credentials.forRest({ fresh });
      if (user) belongs(user);
      const shown = token ? { Authorization: 'Bearer ' + token } : me ? { 'Chat-User': String(me) } : {};
      const asked = () => request(method, this.#base + path, shown, body, progress).catch(() => ({ status: 0, text: '' }));
      const { status, text } = await (progress ? asked() : this.#turns.run(asked));
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
}

// XMLHttpRequest alone has progress.
function request(method, url, shown, body, progress) {
  const headers = new Headers(shown);
  if (body && !progress) {
    headers.set('Content-Type', 'application/json');
    body = JSON.stringify(body);
  }
  if (!progress || !globalThis.XMLHttpRequest) {
    return fetch(url, { method, headers, body, credentials: 'include', signal: AbortSignal.timeout(progress ? 12e4 : 2e4) }).then(async answer => ({ status: answer.status, text: await answer.text() }));
  }
  return new Promise((done, fail) => {
    const xhr = new XMLHttpRequest();
    xhr.open(method, url);
    xhr.withCredentials = true;
    xhr.timeout = 12e4;
    headers.forEach((value, name) => xhr.setRequestHeader(name, value));
    xhr.upload.onprogress = event => progress(event.loaded / event.total);
    xhr.onload = () => done({ status: xhr.status, text: xhr.responseText });
    xhr.onerror = xhr.ontimeout = fail;
    xhr.send(body);
  });
}
