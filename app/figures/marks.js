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
