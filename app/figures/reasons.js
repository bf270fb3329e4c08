// Why a frame weighs what it does: what is seen in it, where that contradicts its label, its areas, planted faults.
const NO_LABEL = 255;
const CONTRADICTED = [228, 66, 46];
const PLANTED = [255, 0, 200];

async function unpackReasons(sent) {
  if (!sent) return null;
  const [seen, confidence, areas, harm] = await Promise.all(
    [sent.seen, sent.confidence, sent.areas, sent.harm].map((text) => text && inflate(text)),
  );
  return { seen, confidence, harm, areas: new Uint16Array(areas.buffer, areas.byteOffset, areas.byteLength / 2) };
}

// The cell at the features' resolution that a pixel falls in.
function cellAt(sent, width, height, i) {
  const [x, y] = [i % width, Math.floor(i / width)];
  return Math.floor((y * sent.rows) / height) * sent.columns + Math.floor((x * sent.columns) / width);
}

// How sure another class than the label is seen at a pixel, 0 to 255; 0 where the same is seen.
function contradiction(reasons, label, cell, i) {
  return label[i] !== NO_LABEL && label[i] !== reasons.seen[cell] ? reasons.confidence[cell] : 0;
}

// Classes in their colours; what is no class is nearly black.
function classSheet(classes, width, height, classAt) {
  const table = classes.map(({ colour }) => colour);
  return pixelSheet(width, height, (i) => table[classAt(i)] || [24, 24, 24]);
}

// Classes that are seen.
function seenSheet(reasons, sent, classes, width, height) {
  return classSheet(classes, width, height, (i) => reasons.seen[cellAt(sent, width, height, i)]);
}

// Red over the grey picture, the surer another class than the label is seen.
function contradictionSheet(reasons, sent, label, picture, width, height) {
  return pixelSheet(width, height, (i) => {
    const p = 4 * i;
    const grey = 0.299 * picture[p] + 0.587 * picture[p + 1] + 0.114 * picture[p + 2];
    const share = contradiction(reasons, label, cellAt(sent, width, height, i), i) / 255;
    return CONTRADICTED.map((c) => grey + share * (c - grey));
  });
}

function pixelSheet(width, height, colourAt) {
  const canvas = sheet(width, height);
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const [red, green, blue] = colourAt(i);
    image.data.set([red, green, blue, 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function plantedPath(reasons, width, height) {
  return reasons.harm && edges(width, height, (i) => reasons.harm[i] !== 0);
}

// The outline of what is inside, as a path in pixels of the map: a line between each pixel within and one without.
function edges(width, height, inside) {
  const path = new Path2D();
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (!inside(i)) continue;
      if (!x || !inside(i - 1)) line(path, x, y, x, y + 1);
      if (x + 1 === width || !inside(i + 1)) line(path, x + 1, y, x + 1, y + 1);
      if (!y || !inside(i - width)) line(path, x, y, x + 1, y);
      if (y + 1 === height || !inside(i + width)) line(path, x, y + 1, x + 1, y + 1);
    }
  }
  return path;
}

function line(path, x0, y0, x1, y1) {
  path.moveTo(x0, y0);
  path.lineTo(x1, y1);
}
