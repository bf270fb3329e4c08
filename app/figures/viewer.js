// One frame: picture, label and weight maps side by side with one zoom, one cursor and one box. Sets the state "area".
export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".viewer");
  root.view = root.view || new Viewer(root);
  root.view.show(data, (area) => setStateValue("area", area));
}

const LEAST = 4; // pixels of the map that a box must span

class Viewer {
  constructor(root) {
    this.root = root;
    this.panels = root.querySelector(".panels");
    this.tip = root.querySelector(".tip");
    this.selecting = window.matchMedia("(pointer: fine)").matches;
    const press = (name, action) => (root.querySelector(`[data-do=${name}]`).onclick = action);
    press("select", () => this.toggle());
    press("in", () => this.zoom(1.5));
    press("out", () => this.zoom(1 / 1.5));
    press("fit", () => this.fit());
    press("clear", () => this.choose(null));
    this.toggle(this.selecting);
    new ResizeObserver(() => this.draw()).observe(this.panels);
  }

  async show(data, tell) {
    const turn = (this.turn = (this.turn || 0) + 1);
    this.tell = tell;
    if (data.key !== this.key) {
      const [picture, label, ...values] = await Promise.all([
        photograph(data.jpeg, data.width, data.height), inflate(data.label), ...data.maps.map((m) => inflate(m.values)),
      ]);
      if (turn !== this.turn) return; // a newer frame came meanwhile
      if (data.frame !== this.data?.frame) { this.box = null; }
      if (data.width !== this.data?.width || data.height !== this.data?.height) this.window = [0, 0, data.width, data.height];
      [this.key, this.picture, this.label, this.values] = [data.key, picture, label, values];
    }
    this.data = data;
    this.build();
    this.draw();
    this.root.dataset.shown = `${data.key} ${data.lens.opacity} ${data.lens.threshold}`;
  }

  // One canvas a panel, painted at the map's own size; draw() shows the part in view.
  build() {
    const { data } = this;
    const { width, height } = data;
    const colours = bytes(data.colours);
    const maps = data.maps.map((map, at) => ({ ...map, at }));
    const [combined, ...levels] = maps;
    this.sources = [
      { title: "Frame", note: "", canvas: this.picture.canvas, smooth: true },
      { title: "Label", note: "", canvas: this.labelled() },
      ...[combined, ...levels].map((map) => {
        const canvas = sheet(width, height);
        const lens = data.lens;
        const values = { values: this.values[map.at], scale: data.scale };
        paint(canvas.getContext("2d"), this.picture.pixels, values, width, height, lens, colours, data.full);
        return { title: map.title, note: map.mean.toFixed(2), canvas, chosen: map.name === lens.level };
      }),
    ];
    this.sources.forEach((source, at) => {
      const figure = this.panels.children[at] || this.panels.appendChild(this.panel());
      figure.classList.toggle("chosen", Boolean(source.chosen));
      figure.querySelector(".title").textContent = source.title;
      figure.querySelector(".note").textContent = source.note;
      const canvas = figure.querySelector("canvas");
      canvas.style.aspectRatio = `${width} / ${height}`;
      const said = source.note ? `weights: mean ${source.note}` : "";
      canvas.setAttribute("aria-label", `${source.title} ${said} of frame ${data.frame}`);
    });
    while (this.panels.children.length > this.sources.length) this.panels.lastChild.remove();
    const present = new Set(this.label);
    const shown = data.classes.filter((_, id) => present.has(id));
    this.root.querySelector(".legend").replaceChildren(...shown.map(chip));
  }

  labelled() {
    const { width, height, classes } = this.data;
    const canvas = sheet(width, height);
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const table = new Uint32Array(256).fill(0xff181818); // a b g r; what is no class is nearly black
    classes.forEach(({ colour: [r, g, b] }, id) => { table[id] = (255 << 24) | (b << 16) | (g << 8) | r; });
    this.label.forEach((id, i) => { pixels[i] = table[id]; });
    context.putImageData(image, 0, 0);
    return canvas;
  }

  panel() {
    const figure = document.createElement("figure");
    figure.innerHTML = '<figcaption><span class="title"></span><span class="note"></span></figcaption><canvas role="img"></canvas>';
    const canvas = figure.querySelector("canvas");
    canvas.addEventListener("pointerdown", (event) => this.down(canvas, event));
    canvas.addEventListener("pointermove", (event) => this.move(canvas, event));
    canvas.addEventListener("pointerup", () => this.up());
    canvas.addEventListener("pointercancel", () => { this.drag = null; });
    canvas.addEventListener("pointerleave", () => { if (!this.drag) this.hover(null); });
    canvas.addEventListener("dblclick", () => this.choose(null));
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // else the page could not be scrolled
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, this.at(canvas, event));
    }, { passive: false });
    return figure;
  }

  draw() {
    if (!this.sources) return;
    const [left, top, width, height] = this.window;
    this.sources.forEach((source, at) => {
      const canvas = this.panels.children[at].querySelector("canvas");
      const wide = Math.round(canvas.clientWidth * devicePixelRatio);
      const high = Math.round((wide * this.data.height) / this.data.width);
      if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
      const context = canvas.getContext("2d");
      context.imageSmoothingEnabled = Boolean(source.smooth);
      context.drawImage(source.canvas, left, top, width, height, 0, 0, wide, high);
      const scale = wide / width;
      if (this.box) this.outline(context, this.box.map((v, k) => (v - (k % 2 ? top : left)) * scale));
      if (this.point) this.ring(context, (this.point[0] + 0.5 - left) * scale, (this.point[1] + 0.5 - top) * scale);
    });
    this.root.querySelector("[data-do=clear]").disabled = !this.box;
  }

  outline(context, [left, top, right, bottom]) {
    for (const [colour, wide] of [["#000", 4], ["#fff", 2]]) {
      [context.strokeStyle, context.lineWidth] = [colour, wide * devicePixelRatio];
      context.strokeRect(left, top, right - left, bottom - top);
    }
  }

  ring(context, x, y) {
    for (const [colour, wide] of [["#000", 3], ["#fff", 1.5]]) {
      [context.strokeStyle, context.lineWidth] = [colour, wide * devicePixelRatio];
      context.beginPath();
      context.arc(x, y, 6 * devicePixelRatio, 0, 7);
      context.stroke();
    }
  }

  // Pixel of the map under the pointer.
  at(canvas, event) {
    const [left, top, width, height] = this.window;
    const frame = canvas.getBoundingClientRect();
    const x = left + ((event.clientX - frame.left) / frame.width) * width;
    const y = top + ((event.clientY - frame.top) / frame.height) * height;
    return [Math.min(Math.max(x, 0), this.data.width), Math.min(Math.max(y, 0), this.data.height)];
  }

  down(canvas, event) {
    if (event.button) return;
    this.drag = { from: this.at(canvas, event), client: [event.clientX, event.clientY], window: [...this.window], before: this.box };
    if (this.selecting || event.pointerType === "mouse") canvas.setPointerCapture(event.pointerId);
    this.hover(this.drag.from, canvas, event);
  }

  move(canvas, event) {
    const to = this.at(canvas, event);
    if (this.drag && this.selecting) {
      const { from } = this.drag;
      const [xs, ys] = [0, 1].map((k) => [Math.floor(Math.min(from[k], to[k])), Math.ceil(Math.max(from[k], to[k]))]);
      this.drag.box = [xs[0], ys[0], xs[1], ys[1]];
      if (xs[1] - xs[0] >= LEAST && ys[1] - ys[0] >= LEAST) this.box = this.drag.box;
    } else if (this.drag) {
      const { clientWidth } = canvas;
      const step = this.window[2] / clientWidth;
      this.place(this.drag.window[0] - (event.clientX - this.drag.client[0]) * step,
        this.drag.window[1] - (event.clientY - this.drag.client[1]) * step);
    }
    this.hover(to, canvas, event);
  }

  up() {
    const { drag } = this;
    this.drag = null;
    if (drag && this.box !== drag.before) this.choose(this.box);
  }

  choose(box) {
    this.box = box;
    this.tell(box && { frame: this.data.frame, box });
    this.draw();
  }

  toggle(on = !this.selecting) {
    this.selecting = on;
    this.root.querySelector("[data-do=select]").setAttribute("aria-pressed", String(on));
    this.root.classList.toggle("selecting", on);
  }

  zoom(factor, centre) {
    const { width, height } = this.data;
    const [left, top, wide, high] = this.window;
    const [x, y] = centre || [left + wide / 2, top + high / 2];
    const now = Math.min(width, Math.max(16, wide / factor));
    this.window = [0, 0, now, (now * height) / width];
    this.place(x - ((x - left) * now) / wide, y - ((y - top) * this.window[3]) / high);
    this.draw();
  }

  place(left, top) {
    const [, , wide, high] = this.window;
    const clamp = (v, most) => Math.min(Math.max(v, 0), most);
    this.window = [clamp(left, this.data.width - wide), clamp(top, this.data.height - high), wide, high];
  }

  fit() {
    this.window = [0, 0, this.data.width, this.data.height];
    this.draw();
  }

  hover(place, canvas, event) {
    const { data, tip } = this;
    const inside = place && place[0] < data.width && place[1] < data.height;
    this.point = inside ? place.map(Math.floor) : null;
    tip.hidden = !inside;
    if (inside) {
      const i = this.point[1] * data.width + this.point[0];
      const name = data.classes[this.label[i]]?.name || "unlabelled";
      const lines = data.maps.map((map, at) => [map.title, ((this.values[at][i] / 255) * data.scale).toFixed(2)]);
      tip.replaceChildren(...[[name, ""], ...lines].map(([key, value]) => row(key, value)));
      const frame = this.root.getBoundingClientRect();
      const x = event.clientX - frame.left + 14;
      tip.style.left = `${x + 190 > frame.width ? Math.max(0, x - 204) : x}px`;
      tip.style.top = `${event.clientY - frame.top + 14}px`;
    }
    this.draw();
  }
}

function chip({ name, colour }) {
  const item = document.createElement("li");
  const square = document.createElement("i");
  square.style.background = `rgb(${colour})`;
  item.append(square, name);
  return item;
}

function row(key, value) {
  const line = document.createElement("div");
  line.append(Object.assign(document.createElement("span"), { textContent: key }));
  line.append(Object.assign(document.createElement("b"), { textContent: value }));
  return line;
}
