// Divides the rows of a conversation into stretches, each an element of its own. What the browser does for each frame costs as much
// as there are elements that rest by themselves (see `resting.js`): dozens of stretches instead of thousands of rows.

/** How many messages are in a stretch: as many as in a page of older messages, so that a page neither changes nor splits one. */
export const LENGTH = 25;

/**
 * Returns a function that divides the rows of one conversation.
 * @returns {(items: any[]) => {key: string, items: any[]}[]}
 */
export function stretches() {
  /** The `seq` at which stretch 0 begins. @type {number | undefined} */ let start;
  /** By its key, the stretch of an entry at the end. As a message it stays there. @type {Map<string, number>} */
  const known = new Map();
  return items => {
    /** @type {{number: number, key: string, items: any[]}[]} */ const all = [];
    /** @type {any[]} */ let ahead = [];
    for (const item of items) {
      ahead.push(item);
      const seq = item.message?.seq;
      start ??= seq;
      const own = seq && (known.get(item.key) ?? Math.floor((seq - /** @type {number} */ (start)) / LENGTH));
      // Days and unsent entries stand with the message below them, the last ones with the one above.
      if (own === undefined && item !== items.at(-1)) continue;
      let last = all.at(-1);
      const number = Math.max(last?.number ?? -Infinity, own ?? 0); // no row stands above an earlier one
      if (number !== last?.number) all.push((last = { number, key: `s${number}`, items: [] }));
      last.items.push(...ahead);
      if (!seq) for (const { key } of ahead) known.set(key, number);
      ahead = [];
    }
    return all;
  };
}
