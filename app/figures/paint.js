// Shared by the grid and the viewer: weights as they are stored, painted over a picture.
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

async function inflate(text) {
  const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Values of maps by name: weights from 0 to the largest, in so many steps.
async function unpackMaps(maps, steps) {
  const unpack = async (values) => { const found = await inflate(values); return steps < 256 ? found : new Uint16Array(found.buffer); };
  return Object.fromEntries(await Promise.all(maps.map(async ({ name, values }) => [name, await unpack(values)])));
}

function sheet(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

async function photograph(jpeg, width, height) {
  const bitmap = await createImageBitmap(new Blob([bytes(jpeg)], { type: "image/jpeg" }));
  const canvas = sheet(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0, width, height);
  return { canvas, pixels: context.getImageData(0, 0, width, height).data };
}

// Weight colours over the picture; what weighs less than the threshold is darkened and outlined. Weights come rounded to
// steps: within half a step, and a little for the rounding itself, they may be the threshold.
function paint(context, picture, map, width, height, lens, colours, fullWeight) {
  const image = context.createImageData(width, height);
  const out = image.data;
  const weightOf = map.scale / map.steps;
  const toColour = (weightOf / fullWeight) * 255;
  const table = Array.from({ length: map.steps + 1 }, (_, v) => 3 * Math.min(255, Math.floor(v * toColour)));
  const low = Array.from({ length: map.steps + 1 }, (_, v) => (v + 0.51) * weightOf < lens.threshold);
  const { opacity } = lens;
  const fade = Math.min(1, 2 * opacity); // the picture loses its own colours first, so that colour says weight alone
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const p = 4 * i;
      const v = map.values[i];
      const grey = 0.299 * picture[p] + 0.587 * picture[p + 1] + 0.114 * picture[p + 2];
      if (low[v]) {
        const edge = (x && !low[map.values[i - 1]]) || (y && !low[map.values[i - width]])
          || (x + 1 < width && !low[map.values[i + 1]]) || (y + 1 < height && !low[map.values[i + width]]);
        out[p] = out[p + 1] = out[p + 2] = edge ? 255 : 0.35 * grey + 0.65 * 16;
      } else {
        const c = table[v];
        for (let k = 0; k < 3; k++) {
          const base = picture[p + k] + fade * (grey - picture[p + k]);
          out[p + k] = base + opacity * (colours[c + k] - base);
        }
      }
      out[p + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}
