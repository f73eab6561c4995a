// Fingers on a page.

/** A hand: `touch(type, ...points)` as the browser is told it; `drag` moves one finger, `pinch` two. */
export async function hand(page) {
  const client = await page.context().newCDPSession(page);
  const touch = (type, ...touchPoints) => client.send('Input.dispatchTouchEvent', { type, touchPoints });
  const along = (from, to, steps = 6) => Array.from({ length: steps }, (_, n) => ({ x: from.x + ((to.x - from.x) * (n + 1)) / steps, y: from.y + ((to.y - from.y) * (n + 1)) / steps }));
  return {
    touch,
    async tap(point) {
      await touch('touchStart', point);
      await touch('touchEnd');
    },
    async drag(from, to) {
      await touch('touchStart', from);
      for (const point of along(from, to)) await touch('touchMove', point);
      await touch('touchEnd');
    },
    /** Two fingers, from one distance to another, about a middle. */
    async pinch({ x, y }, from, to) {
      const fingers = apart => [{ x: x - apart / 2, y, id: 0 }, { x: x + apart / 2, y, id: 1 }];
      await touch('touchStart', ...fingers(from));
      for (const { x: apart } of along({ x: from, y: 0 }, { x: to, y: 0 })) await touch('touchMove', ...fingers(apart));
      await touch('touchEnd');
    },
  };
}
