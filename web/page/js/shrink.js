// Makes photos smaller before they are uploaded, in a worker, so that the page stays responsive.

/** The greatest length of a photo's longer side, in pixels: the hub keeps no more. */
const EDGE = 2048;

/** The result of each file; a result is kept as its own result. @type {WeakMap<Blob, Promise<File>>} */
const fitted = new WeakMap();
/** The requests to the worker, by number. @type {Map<number, {file: File, done: (file: File) => void, fail: (error: Error) => void}>} */
const asked = new Map();
let last = 0;
/** @typedef {{postMessage: (question: {id: number, file: File, edge: number}) => void}} Shrinker */
/** @type {Promise<Shrinker> | undefined} */ let worker;

/**
 * Makes a photo fit for sending, once. Returns the same file if it fits, or if the code that makes it smaller cannot be loaded.
 * @param {File} file @returns {Promise<File>} rejects if the browser cannot read it
 */
export function fitting(file) {
  const result = fitted.get(file) ?? new Promise((done, fail) => {
    const id = ++last;
    asked.set(id, { file, done, fail });
    worker ??= begin();
    worker.then(worker => worker.postMessage({ id, file, edge: EDGE }));
  });
  fitted.set(file, result);
  return result;
}

/** Handles an answer; `away`: the code that makes photos smaller could not be loaded. @param {{data: {id: number, small?: Blob, error?: string, away?: boolean}}} answer */
function answered({ data: { id, small, error, away } }) {
  const { file, done, fail } = asked.get(id) ?? {};
  asked.delete(id);
  if (error) return fail?.(new Error(error));
  const named = small ? new File([small], /** @type {File} */ (file).name, { type: small.type }) : /** @type {File} */ (file);
  if (away) fitted.delete(named); // to be tried again when the photo is uploaded
  else fitted.set(named, Promise.resolve(named));
  done?.(named);
}

/** Starts the worker; if that is impossible, as in a page of another origin or with a stricter policy, does the work without one. */
async function begin() {
  if (new URL(import.meta.url).origin !== location.origin) return alone();
  try {
    const { workerUrl } = await import('./worker-url.js');
    const begun = new Worker(workerUrl('shrink-worker.js'), { type: 'module' });
    begun.onmessage = answered;
    // A browser may not support module workers.
    begun.onerror = event => {
      event.preventDefault();
      begun.terminate();
      const page = alone();
      worker = Promise.resolve(page);
      for (const [id, { file }] of asked) page.postMessage({ id, file, edge: EDGE });
    };
    return begun;
  } catch {
    return alone();
  }
}

/** Does the work without a worker. @returns {Shrinker} */
function alone() {
  const module = import('../../client/downscale.js');
  module.catch(() => (worker = undefined)); // the next photo tries again
  return { postMessage: ({ id, file, edge }) => void module.then(
    ({ fitting }) => fitting(file, edge).then(small => ({ id, small: small === file ? undefined : small }), error => ({ id, error: String(error) })),
    () => ({ id, away: true }),
  ).then(data => answered({ data })) };
}
