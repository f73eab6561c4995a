// Photos made smaller before they travel, by a worker: the page goes on meanwhile.

/** The longer side of what is sent, in pixels: the hub keeps no more. */
const EDGE = 2048;

/** What becomes of each file; what came of one fits. @type {WeakMap<Blob, Promise<File>>} */
const fitted = new WeakMap();
/** What the worker is asked, by number. @type {Map<number, {file: File, done: (file: File) => void, fail: (error: Error) => void}>} */
const asked = new Map();
let last = 0;
/** @typedef {{postMessage: (question: {id: number, file: File, edge: number}) => void}} Shrinker */
/** @type {Promise<Shrinker> | undefined} */ let worker;

/**
 * Makes a photo fit for sending, once. @param {File} file @returns {Promise<File>} the same file where no module could be loaded that makes it smaller; fails if this browser cannot read it
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

/** `away`: what makes photos smaller could not be loaded. @param {{data: {id: number, small?: Blob, error?: string, away?: boolean}}} answer */
function answered({ data: { id, small, error, away } }) {
  const { file, done, fail } = asked.get(id) ?? {};
  asked.delete(id);
  if (error) return fail?.(new Error(error));
  const named = small ? new File([small], /** @type {File} */ (file).name, { type: small.type }) : /** @type {File} */ (file);
  if (away) fitted.delete(named); // it is tried again when the photo travels
  else fitted.set(named, Promise.resolve(named));
  done?.(named);
}

/** Starts the worker. Where there can be none, the page does it itself: for an element that is in a page of another origin, or that has a stricter policy. */
async function begin() {
  if (new URL(import.meta.url).origin !== location.origin) return alone();
  try {
    const { workerUrl } = await import('./worker-url.js');
    const begun = new Worker(workerUrl('shrink-worker.js'), { type: 'module' });
    begun.onmessage = answered;
    // A browser may have no workers that are modules.
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

/** Does it without a worker. @returns {Shrinker} */
function alone() {
  const module = import('../../client/downscale.js');
  module.catch(() => (worker = undefined)); // the next photo begins anew
  return { postMessage: ({ id, file, edge }) => void module.then(
    ({ fitting }) => fitting(file, edge).then(small => ({ id, small: small === file ? undefined : small }), error => ({ id, error: String(error) })),
    () => ({ id, away: true }),
  ).then(data => answered({ data })) };
}
