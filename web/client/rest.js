// Questions over HTTP.

import { ChatError, refusal } from './errors.js';
import { sleep } from './time.js';

export class Rest {
  #base;
  #credentials;

  constructor(base, credentials) {
    this.#base = base;
    this.#credentials = credentials;
  }

  /** Asks; reading is tried again where that may help. With `progress` the body is a form. */
  async ask(method, path, body, progress) {
    for (let attempt = 0, fresh = false; ; attempt++) {
      const token = await this.#credentials.token({ fresh });
      const { status, text } = await request(method, this.#base + path, token, body, progress).catch(() => ({ status: 0 }));
      if (status >= 200 && status < 300) return text && JSON.parse(text);
      if (status === 401 && token && !fresh) {
        fresh = true;
        continue;
      }
      let error = new ChatError(status ? 'internal' : 'network', `${method} ${path}: ${status}`, !status || status > 499);
      try {
        error = refusal(JSON.parse(text).error);
      } catch {}
      if (!error.temporary || method !== 'GET' || attempt > 3) throw error;
      await sleep(error.retryAfter || 200 * 2 ** attempt * Math.random());
    }
  }
}

// XMLHttpRequest alone has progress.
function request(method, url, token, body, progress) {
  const headers = new Headers(token ? { Authorization: 'Bearer ' + token } : {});
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
    headers.forEach((value, name) => xhr.setRequestHeader(name, value));
    xhr.upload.onprogress = event => progress(event.loaded / event.total);
    xhr.onload = () => done({ status: xhr.status, text: xhr.responseText });
    xhr.onerror = fail;
    xhr.send(body);
  });
}
