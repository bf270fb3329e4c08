// The photo on the screen: zoom and pan, the classes' colours over it, and the area under the pointer.

import { IGNORE } from './label.js';

const MOST_ZOOM = 16;
const INSIDE = 0x46ffffff; // of the pixels that a click would paint, as ABGR
const EDGE = 0xff00e1ff;

export class View {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
    this.opacity = 0.5;
    new ResizeObserver(() => this.resize()).observe(canvas.parentElement);
  }

  /** Show a photo (an ImageBitmap) and its label. */
  show(photo, label, palette) {
    Object.assign(this, { photo, label, palette });
    this.colours = layer(label.width, label.height);
    this.mark = layer(label.width, label.height);
    this.marked = [];
    this.recolour();
    this.fit();
  }

  /** Draw the colours of some pixels anew, or of all. */
  recolour(pixels = null) {
    const { data } = this.colours.image;
    const table = new Uint32Array(256);
    this.palette.forEach(([r, g, b], i) => { table[i] = (255 << 24) | (b << 16) | (g << 8) | r; });
    table[IGNORE] = 0;
    const words = new Uint32Array(data.buffer);
    if (pixels) for (const pixel of pixels) words[pixel] = table[this.label.values[pixel]];
    else this.label.values.forEach((value, pixel) => { words[pixel] = table[value]; });
    put(this.colours, pixels);
    this.draw();
  }

  /** Light up the pixels that a click would paint. */
  point(pixels) {
    const words = new Uint32Array(this.mark.image.data.buffer);
    const { width } = this.label;
    for (const pixel of this.marked) words[pixel] = 0;
    for (const pixel of pixels) words[pixel] = INSIDE;
    for (const pixel of pixels) {
      const x = pixel % width;
      const inner = x > 0 && x < width - 1 && words[pixel - 1] && words[pixel + 1] && words[pixel - width] && words[pixel + width];
      if (!inner) words[pixel] = EDGE;
    }
    const both = this.marked.length ? [...this.marked, ...pixels] : pixels;
    this.marked = pixels;
    put(this.mark, both);
    this.draw();
  }

  resize() {
    const { width, height } = this.canvas.parentElement.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    if (this.canvas.width === Math.round(width * ratio) && this.canvas.height === Math.round(height * ratio)) return;
    const whole = this.label && this.scale === this.fitting();
    Object.assign(this.canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    if (whole) this.fit();
    else this.draw();
  }

  fitting() { return Math.min(this.canvas.width / this.label.width, this.canvas.height / this.label.height); }

  fit() {
    this.scale = this.fitting();
    this.left = (this.canvas.width - this.scale * this.label.width) / 2;
    this.top = (this.canvas.height - this.scale * this.label.height) / 2;
    this.draw();
  }

  /** Zoom about a point of the canvas, in its own pixels. */
  zoom(factor, x = this.canvas.width / 2, y = this.canvas.height / 2) {
    const scale = Math.min(Math.max(this.scale * factor, this.fitting() / 2), MOST_ZOOM * (window.devicePixelRatio || 1));
    this.left = x - ((x - this.left) * scale) / this.scale;
    this.top = y - ((y - this.top) * scale) / this.scale;
    this.scale = scale;
    this.draw();
  }

  pan(dx, dy) { this.left += dx; this.top += dy; this.draw(); }

  /** Bring a box of the photo to the middle, at most so large that what is around it can be seen. */
  look(box) {
    const side = Math.max(box.right - box.left, box.bottom - box.top) * 3;
    const scale = Math.min(Math.max(Math.min(this.canvas.width, this.canvas.height) / side, this.fitting()), 6);
    this.scale = scale;
    this.left = this.canvas.width / 2 - (scale * (box.left + box.right)) / 2;
    this.top = this.canvas.height / 2 - (scale * (box.top + box.bottom)) / 2;
    this.draw();
  }

  /** The photo's coordinates under a pointer event. */
  place(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    return {
      x: ((event.clientX - left) * ratio - this.left) / this.scale,
      y: ((event.clientY - top) * ratio - this.top) / this.scale,
    };
  }

  draw() {
    if (!this.photo || this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      const { context, canvas, scale, left, top } = this;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.setTransform(scale, 0, 0, scale, left, top);
      context.imageSmoothingEnabled = scale < 2;
      context.globalAlpha = 1;
      context.drawImage(this.photo, 0, 0, this.label.width, this.label.height);
      context.imageSmoothingEnabled = false;
      context.globalAlpha = this.opacity;
      context.drawImage(this.colours.canvas, 0, 0);
      context.globalAlpha = 1;
      context.drawImage(this.mark.canvas, 0, 0);
    });
  }
}

function layer(width, height) {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d');
  return { canvas, context, image: context.createImageData(width, height) };
}

function put({ context, image }, pixels) {
  if (!pixels) { context.putImageData(image, 0, 0); return; }
  if (!pixels.length) return;
  const box = boxOf(pixels, image.width);
  context.putImageData(image, 0, 0, box.left, box.top, box.right - box.left, box.bottom - box.top);
}

/** The smallest box around pixels. */
export function boxOf(pixels, width) {
  let [left, top, right, bottom] = [Infinity, Infinity, 0, 0];
  for (const pixel of pixels) {
    const x = pixel % width;
    const y = (pixel - x) / width;
    if (x < left) left = x;
    if (x >= right) right = x + 1;
    if (y < top) top = y;
    if (y >= bottom) bottom = y + 1;
  }
  return { left, top, right, bottom };
}
