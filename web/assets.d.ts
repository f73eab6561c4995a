/** What a script gets that imports a style sheet or a picture: its address. `build.js` sees to that. */

declare module '*.css' {
  const address: string;
  export default address;
}

declare module '*.svg' {
  const address: string;
  export default address;
}

/** What `build.js` writes into the service worker. */
declare const VERSION: string;
declare const FILES: string[];
