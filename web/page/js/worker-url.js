// The addresses of the page's two workers. The page's policy (Trusted Types) allows script addresses only from this module.

const NAMES = /** @type {const} */ (['shrink-worker.js', 'service-worker.js']);

/** @type {(name: string) => string} */
const addressOf = name => {
  if (!NAMES.some(known => known === name)) throw new TypeError(`${name} is no worker`);
  return new URL(name, document.baseURI).href;
};

/** The directive `trusted-types` in the page's policy allows the name `workers`. */
const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy('workers', { createScriptURL: addressOf });

/** Returns a worker's address. @param {typeof NAMES[number]} name @returns {any} */
export const workerUrl = name => (policy ? policy.createScriptURL(name) : addressOf(name));
