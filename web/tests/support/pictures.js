// Pictures to send.

/** Paints pictures, each of its own colour, as a camera would hand them over. */
export function paint(page, count, width = 640, height = 480) {
  return page.evaluate(async ({ count, width, height }) => {
    const all = [];
    for (let n = 0; n < count; n++) {
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext('2d');
      const shade = context.createLinearGradient(0, 0, width, height);
      shade.addColorStop(0, `hsl(${n * 70 + 20} 60% 55%)`);
      shade.addColorStop(1, `hsl(${n * 70 + 80} 60% 30%)`);
      context.fillStyle = shade;
      context.fillRect(0, 0, width, height);
      context.fillStyle = 'rgb(255 255 255 / 60%)';
      context.beginPath();
      context.arc(width / 2, height / 2, height / 4, 0, 7);
      context.fill();
      const blob = await canvas.convertToBlob({ type: 'image/jpeg' });
      all.push([...new Uint8Array(await blob.arrayBuffer())]);
    }
    return all;
  }, { count, width, height });
}

/** Hands painted pictures to a file input. */
export const files = bytes => bytes.map((buffer, n) => ({ name: `desk ${n + 1}.jpg`, mimeType: 'image/jpeg', buffer: Buffer.from(buffer) }));
