// A label in the browser: class ids by pixel, areas of several grains, and changes that can be taken back without end.

export const IGNORE = 255;

/** Regions of a photo and what they belong to at each grain; `of(grain, area)` lists an area's pixels. */
export class Areas {
  constructor(buffer) {
    const [height, width, count, grains] = new Uint32Array(buffer, 0, 4);
    Object.assign(this, { height, width, count, grains });
    this.regions = new Uint32Array(buffer, 16, height * width);
    this.lookup = new Uint16Array(buffer, 16 + 4 * height * width, grains * count);
    this._index();
  }

  _index() {
    this.starts = new Uint32Array(this.count + 1);
    for (const region of this.regions) this.starts[region + 1]++;
    for (let i = 0; i < this.count; i++) this.starts[i + 1] += this.starts[i];
    const next = this.starts.slice();
    this.pixels = new Uint32Array(this.regions.length);
    this.regions.forEach((region, pixel) => { this.pixels[next[region]++] = pixel; });
    this.members = [];
    for (let grain = 0; grain < this.grains; grain++) {
      const members = [];
      for (let region = 0; region < this.count; region++) {
        (members[this.lookup[grain * this.count + region]] ??= []).push(region);
      }
      this.members.push(members);
    }
  }

  at(grain, pixel) { return this.lookup[grain * this.count + this.regions[pixel]]; }

  of(grain, area) {
    const parts = this.members[grain][area].map((region) => this.pixels.subarray(this.starts[region], this.starts[region + 1]));
    const all = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) { all.set(part, at); at += part.length; }
    return all;
  }
}

/** Class ids (height * width), with undo and redo. A stroke is one change, however many pixels and moves it takes. */
export class Label {
  constructor(values, width) {
    Object.assign(this, { values, width, height: values.length / width, done: [], undone: [], stroke: null, touched: null });
  }

  begin() { this.stroke ??= new Map(); }

  /** Give pixels a class within the stroke that began; returns whether anything changed. */
  paint(pixels, value) {
    let changed = false;
    for (const pixel of pixels) {
      if (this.values[pixel] === value) continue;
      if (!this.stroke.has(pixel)) this.stroke.set(pixel, this.values[pixel]);
      this.values[pixel] = value;
      changed = true;
    }
    if (changed) this.touched = null;
    return changed;
  }

  /** Give up the stroke that began; returns whether it had changed anything. */
  cancel() {
    const { stroke } = this;
    this.stroke = this.touched = null;
    stroke?.forEach((value, pixel) => { this.values[pixel] = value; });
    return Boolean(stroke?.size);
  }

  /** End the stroke; returns whether it changed anything. */
  end() {
    const stroke = this.stroke;
    this.stroke = null;
    if (!stroke?.size) return false;
    const pixels = Uint32Array.from(stroke.keys());
    const before = Uint8Array.from(stroke.values());
    this.done.push({ pixels, before, after: Uint8Array.from(pixels, (pixel) => this.values[pixel]) });
    this.undone = [];
    return true;
  }

  undo() { return this._move(this.done, this.undone, 'before'); }

  redo() { return this._move(this.undone, this.done, 'after'); }

  _move(from, to, side) {
    const change = from.pop();
    if (!change) return false;
    this.touched = null;
    change.pixels.forEach((pixel, i) => { this.values[pixel] = change[side][i]; });
    to.push(change);
    return true;
  }

  /** The pixels of the connected piece that holds a pixel (four neighbours, one class). */
  piece(start) {
    if (this.touched?.seen[start]) return this.touched.found;
    const { values, width, height } = this;
    const value = values[start];
    const seen = new Uint8Array(values.length);
    const found = [start];
    seen[start] = 1;
    for (let i = 0; i < found.length; i++) {
      const pixel = found[i];
      const x = pixel % width;
      const y = (pixel - x) / width;
      const near = [x > 0 && pixel - 1, x < width - 1 && pixel + 1, y > 0 && pixel - width, y < height - 1 && pixel + width];
      for (const other of near) {
        if (other !== false && !seen[other] && values[other] === value) { seen[other] = 1; found.push(other); }
      }
    }
    this.touched = { seen, found };
    return found;
  }

  /** The pixels of a disc that lie in the photo. */
  disc(x, y, radius) {
    const found = [];
    for (let row = Math.max(0, Math.ceil(y - radius)); row <= Math.min(this.height - 1, y + radius); row++) {
      const half = Math.sqrt(radius * radius - (row - y) * (row - y));
      for (let column = Math.max(0, Math.ceil(x - half)); column <= Math.min(this.width - 1, x + half); column++) {
        found.push(row * this.width + column);
      }
    }
    return found;
  }

  share() { return this.values.reduce((count, value) => count + (value !== IGNORE), 0) / this.values.length; }
}
