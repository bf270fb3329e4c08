// Marks over a picture: each line lies on a wider black one, so that it is seen on any colour.
function twice(context, colour, wide, black, stroke) {
  for (const [style, width] of [["#000", black], [colour, wide]]) {
    [context.strokeStyle, context.lineWidth] = [style, width * devicePixelRatio];
    stroke(style);
  }
}

// A path in pixels of the map; its left and top are at the canvas's corner, and scale enlarges them.
function tracePath(context, { left, top, scale }, path, colour, wide) {
  context.save();
  context.scale(scale, scale);
  context.translate(-left, -top);
  twice(context, colour, wide / scale, (wide + 2) / scale, () => context.stroke(path));
  context.restore();
}

// Dashed until the box is chosen.
function traceBox(context, [left, top, right, bottom], dashed) {
  twice(context, "#fff", 2, 4, (style) => {
    context.setLineDash(dashed && style === "#fff" ? [6 * devicePixelRatio] : []);
    context.strokeRect(left, top, right - left, bottom - top);
  });
  context.setLineDash([]);
}

function traceRing(context, x, y) {
  twice(context, "#fff", 1.5, 3, () => {
    context.beginPath();
    context.arc(x, y, 6 * devicePixelRatio, 0, 7);
    context.stroke();
  });
}

const clamp = (value, most, least = 0) => Math.min(Math.max(value, least), most);

const largeEnough = ([left, top, right, bottom]) => right - left >= LEAST && bottom - top >= LEAST;

// The box whose opposite corners are two pixels.
function around([x0, y0], [x1, y1]) {
  return [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1) + 1, Math.max(y0, y1) + 1];
}
