// The addresses of the page's two workers. The page's policy lets nothing become the address of a script but through here.

const NAMES = /** @type {const} */ (['shrink-worker.js', 'service-worker.js']);

/** @type {(name: string) => string} */
const addressOf = name => {
  if (!NAMES.some(known => known === name)) throw new TypeError(`${name} is no worker`);
  return new URL(name, document.baseURI).href;
};

/** `workers` is what the policy's `trusted-types` calls it. */
const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy('workers', { createScriptURL: addressOf });

/** Returns a worker's address. @param {typeof NAMES[number]} name @returns {any} */
export const workerUrl = name => (policy ? policy.createScriptURL(name) : addressOf(name));
