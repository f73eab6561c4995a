/** A script that imports a style sheet or a picture gets its address: `build.js` replaces the import. */

declare module '*.css' {
  const address: string;
  export default address;
}

declare module '*.svg' {
  const address: string;
  export default address;
}

/** Constants that `build.js` defines for the service worker. */
declare const VERSION: string;
declare const FILES: string[];
