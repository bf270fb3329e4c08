// One frame: picture, label, what is seen and weight maps side by side with one zoom, one cursor and one box. Sets the
// state "area" to a box, and tells "piece", the number of an area that was clicked (0: of none any more), and "lens".
export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component;
  const root = parentElement.querySelector(".viewer");
  root.view = root.view || new Viewer(root);
  root.view.show(data, (area) => setStateValue("area", area), (name, value) => setTriggerValue(name, value));
}

const LEAST = 4; // pixels of the map that a box must span
const STRIDES = 64; // presses of an arrow key from side to side
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class Viewer {
  constructor(root) {
    this.root = root;
    this.panels = root.querySelector(".panels");
    this.tip = root.querySelector(".tip");
    this.said = root.querySelector(".said");
    this.bar = new LensBar(root.querySelector(".lens"), (lens) => this.look(lens));
    this.steps = new Steps(async (answer) => unpackFrame(answer.view, await this.frame));
    this.selecting = window.matchMedia("(pointer: fine)").matches;
    const press = (name, action) => (root.querySelector(`[data-do=${name}]`).onclick = action);
    press("select", () => this.toggle());
    press("in", () => this.zoom(1.5));
    press("out", () => this.zoom(1 / 1.5));
    press("fit", () => this.fit());
    press("clear", () => this.clear());
    press("planted", () => this.plant());
    this.toggle(this.selecting);
    this.panels.addEventListener("keydown", (event) => this.steer(event));
    this.panels.addEventListener("blur", () => this.leave());
    new ResizeObserver(() => this.draw()).observe(this.panels);
  }

  async show(sent, tell, ask) {
    const turn = (this.turn = (this.turn || 0) + 1);
    [this.tell, this.ask] = [tell, ask];
    const { frame: name, key, width, height } = sent.view;
    const shown = key === this.told?.view.key ? this.frame : unpackFrame(sent.view);
    try {
      await shown;
    } catch (error) {
      if (turn === this.turn) this.fail(name, error);
      return;
    }
    if (turn !== this.turn) return; // a newer frame came meanwhile
    [this.told, this.frame] = [sent, shown];
    if (name !== this.data?.frame) {
      if (this.chosen) tell(null); // else it would hold again, unseen, when its frame comes back
      [this.box, this.chosen, this.anchor, this.point] = [null, null, null, null];
    }
    const lens = this.bar.show(sent.lens, (value) => ask("lens", value));
    this.steps.begin(sent.lens.more || name, sent.lens.steps, 28 * width * height);
    this.steps.keep(sent.lens.step, shown);
    await this.look(lens);
    if (sent.lens.steps.length > 1) this.steps.prefetch(lens.step);
  }

  // Says what is wrong with a frame; what was shown is not of it.
  fail(name, error) {
    this.looks = (this.looks || 0) + 1;
    this.panels.style.visibility = "hidden";
    this.root.querySelector(".trouble").textContent = `Frame ${name} cannot be drawn: ${error.message}`;
  }

  // Shows the frame at a step of training, its maps through a lens.
  async look(lens) {
    const turn = (this.looks = (this.looks || 0) + 1);
    const trouble = this.root.querySelector(".trouble");
    try {
      const shown = await this.steps.get(lens.step);
      if (turn !== this.looks) return; // a newer look came meanwhile
      trouble.textContent = "";
      this.take(shown, lens);
    } catch (error) {
      if (turn === this.looks) trouble.textContent = error.message;
    }
  }

  take(shown, lens) {
    const { told } = this;
    const { width, height } = shown.sent;
    if (width !== this.data?.width || height !== this.data?.height) this.window = [0, 0, width, height];
    if (shown !== this.shown) this.outlines = new Map();
    this.shown = shown;
    this.panels.style.visibility = "";
    const why = lens.step === told.lens.step ? {} : { piece: null, said: "" }; // areas of another step are others
    this.data = { ...told, ...why, ...shown.sent };
    [this.picture, this.label, this.values, this.reasons, this.planted] = [shown.picture, shown.label, shown.values, shown.reasons, shown.planted];
    this.build(lens);
    this.draw();
    this.root.dataset.shown = `${shown.sent.key} ${Object.values(lens).join(" ")}`;
  }

  // One canvas a panel, painted at the map's own size; draw() shows the part in view.
  build(lens) {
    const { data, shown } = this;
    const { width, height } = data;
    const colours = bytes(data.colours);
    shown.still ||= this.still();
    const canvases = (shown.canvases ||= data.maps.map(() => sheet(width, height)));
    this.sources = [
      ...shown.still,
      ...data.maps.map((map, at) => {
        const values = { values: this.values[map.name], scale: data.scale, steps: data.steps };
        paint(canvases[at].getContext("2d"), this.picture.pixels, values, width, height, lens, colours, data.full);
        return { title: map.title, about: map.about, note: map.mean.toFixed(2), canvas: canvases[at], chosen: map.name === lens.map };
      }),
    ];
    this.panels.classList.toggle("many", this.sources.length > 6);
    this.root.querySelector("[data-do=planted]").hidden = !this.planted;
    const why = this.root.querySelector(".why");
    [why.textContent, why.hidden] = [data.said, !data.said];
    this.sources.forEach((source, at) => this.describe(source, at));
    while (this.panels.children.length > this.sources.length) this.panels.lastChild.remove();
    this.root.querySelector(".legend").replaceChildren(...shown.present.map((id) => chip(data.classes[id])));
  }

  describe(source, at) {
    const { data } = this;
    const figure = this.panels.children[at] || this.panels.appendChild(this.panel());
    figure.classList.toggle("chosen", Boolean(source.chosen));
    figure.classList.toggle("combined", at === this.sources.length - data.maps.length);
    figure.querySelector(".title").textContent = source.title;
    figure.title = source.about || "";
    figure.querySelector(".note").textContent = source.note;
    const canvas = figure.querySelector("canvas");
    canvas.style.aspectRatio = `${data.width} / ${data.height}`;
    const said = source.note ? `weights: mean ${source.note}` : "";
    canvas.setAttribute("aria-label", `${source.title} ${said} of frame ${data.frame}`);
  }

  // What no lens changes.
  still() {
    const { data, label } = this;
    return [
      { title: "Frame", note: "", canvas: this.picture.canvas, smooth: true },
      { title: "Label", note: "", canvas: classSheet(data.classes, data.width, data.height, (i) => label[i]) },
      ...this.seen(),
    ];
  }

  // What is seen, and where it contradicts the label; nothing where it was not kept.
  seen() {
    const { reasons, label, data } = this;
    const { width, height, classes, reasons: sent } = data;
    if (!reasons) return [];
    return [
      { title: sent.title, about: sent.about, note: "", canvas: seenSheet(reasons, sent, classes, width, height) },
      {
        title: "Disagreement", about: "Red: sure of another class than the label.", note: "",
        canvas: contradictionSheet(reasons, sent, label, this.picture.pixels, width, height),
      },
    ];
  }

  panel() {
    const figure = document.createElement("figure");
    figure.innerHTML = '<figcaption><span class="title"></span><span class="note"></span></figcaption><canvas role="img"></canvas>';
    const canvas = figure.querySelector("canvas");
    canvas.addEventListener("pointerdown", (event) => this.down(canvas, event));
    canvas.addEventListener("pointermove", (event) => this.move(canvas, event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", () => this.leave());
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
      const hovered = this.reasons && this.point ? this.reasons.areas[this.index()] : 0;
      const place = { left, top, scale };
      if (hovered) tracePath(context, place, this.outlineOf(hovered), "#fff", 1.5);
      if (this.reasons && this.data.piece) tracePath(context, place, this.outlineOf(this.data.piece), "#ffe600", 2);
      if (this.planted && this.planting) tracePath(context, place, this.planted, `rgb(${PLANTED})`, 1.5);
      if (this.box) traceBox(context, this.box.map((v, k) => (v - (k % 2 ? top : left)) * scale), this.box !== this.chosen);
      if (this.point) traceRing(context, (this.point[0] + 0.5 - left) * scale, (this.point[1] + 0.5 - top) * scale);
    });
    this.root.querySelector("[data-do=clear]").disabled = !this.box && !this.data.piece;
  }

  index() {
    return this.point[1] * this.data.width + this.point[0];
  }

  // The path around an area, found once.
  outlineOf(area) {
    if (!this.outlines.has(area)) {
      const { width, height } = this.data;
      this.outlines.set(area, edges(width, height, (i) => this.reasons.areas[i] === area));
    }
    return this.outlines.get(area);
  }

  plant(on = !this.planting) {
    this.planting = on;
    this.root.querySelector("[data-do=planted]").setAttribute("aria-pressed", String(on));
    this.draw();
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
    this.drag = { from: this.at(canvas, event), client: [event.clientX, event.clientY], window: [...this.window] };
    this.anchor = null;
    if (this.selecting || event.pointerType === "mouse") canvas.setPointerCapture(event.pointerId);
    this.hover(this.drag.from, event.clientX, event.clientY);
  }

  move(canvas, event) {
    const to = this.at(canvas, event);
    if (this.drag && this.selecting) {
      const { from } = this.drag;
      const [xs, ys] = [0, 1].map((k) => [Math.floor(Math.min(from[k], to[k])), Math.ceil(Math.max(from[k], to[k]))]);
      const box = [xs[0], ys[0], xs[1], ys[1]];
      if (largeEnough(box)) this.box = box;
    } else if (this.drag) {
      const { clientWidth } = canvas;
      const step = this.window[2] / clientWidth;
      this.place(this.drag.window[0] - (event.clientX - this.drag.client[0]) * step,
        this.drag.window[1] - (event.clientY - this.drag.client[1]) * step);
    }
    this.hover(to, event.clientX, event.clientY);
  }

  up(event) {
    const pressed = this.drag && Math.hypot(event.clientX - this.drag.client[0], event.clientY - this.drag.client[1]) < 4;
    this.drag = null;
    if (pressed) this.explain();
    if (this.box === this.chosen) return;
    this.choose(this.box);
    if (event.pointerType === "touch") this.toggle(false); // else a finger could not scroll over the pictures again
  }

  // The pointer was taken away, or the keyboard went elsewhere: what was not chosen is forgotten.
  leave() {
    [this.drag, this.anchor, this.box] = [null, null, this.chosen];
    this.hover(null);
  }

  // Arrow keys move the cursor, and with Shift draw a box from where it was; Enter chooses the box, Escape none.
  steer(event) {
    const arrow = ARROWS[event.key];
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (arrow) this.nudge(arrow, event.shiftKey);
    else if (event.key === "Enter" && this.box && largeEnough(this.box)) this.choose(this.box);
    else if (event.key === "Enter") this.explain();
    else if (event.key === "Escape") this.clear();
    else return;
    event.preventDefault();
  }

  nudge([right, down], drawing) {
    const [left, top, wide, high] = this.window;
    const { width, height } = this.data;
    const stride = Math.max(1, Math.round(wide / STRIDES));
    const from = this.point || [Math.floor(left + wide / 2), Math.floor(top + high / 2)];
    const to = [clamp(from[0] + right * stride, width - 1), clamp(from[1] + down * stride, height - 1)];
    this.anchor = drawing ? this.anchor || from : null;
    if (drawing) this.box = around(this.anchor, to);
    this.place(clamp(left, to[0], to[0] + 1 - wide), clamp(top, to[1], to[1] + 1 - high));
    const frame = this.panels.querySelector(".combined canvas").getBoundingClientRect();
    const scale = frame.width / wide;
    const [x, y] = [0, 1].map((k) => (to[k] + 0.5 - this.window[k]) * scale);
    this.hover(to, frame.left + x, frame.top + y);
    this.said.textContent = [...this.tip.children].map((line) => [...line.children].map((e) => e.textContent).join(" ").trim()).join(", ");
  }

  // Asks why the area under the cursor weighs what it does.
  explain() {
    const area = this.reasons && this.point ? this.reasons.areas[this.index()] : 0;
    if (!area) return;
    this.bar.flush(); // the area is one of the step that is shown
    this.ask("piece", area);
  }

  // Forgets the box, and the area that was asked about.
  clear() {
    this.choose(null);
    if (this.data.piece) this.ask("piece", 0);
  }

  choose(box) {
    [this.box, this.chosen, this.anchor] = [box, box, null];
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
    this.window = [clamp(left, this.data.width - wide), clamp(top, this.data.height - high), wide, high];
  }

  fit() {
    this.window = [0, 0, this.data.width, this.data.height];
    this.draw();
  }

  // What is seen at a pixel and how surely, and planted faults there.
  opinion(i) {
    const { reasons, data } = this;
    if (!reasons) return [];
    const { width, height, classes, reasons: sent } = data;
    const cell = cellAt(sent, width, height, i);
    const seen = [`${sent.says}: ${classes[reasons.seen[cell]]?.name}`, (reasons.confidence[cell] / 255).toFixed(2)];
    const planted = reasons.harm?.[i] ? [[`planted: ${sent.kinds[reasons.harm[i]]}`, ""]] : [];
    return [seen, ...planted];
  }

  // Reads the maps at a place, for a cursor at that point of the browser's window.
  hover(place, clientX, clientY) {
    const { data, tip } = this;
    const inside = place && place[0] < data.width && place[1] < data.height;
    this.point = inside ? place.map(Math.floor) : null;
    tip.hidden = !inside;
    if (inside) {
      const i = this.index();
      const name = data.classes[this.label[i]]?.name || "unlabelled";
      const lines = data.maps.map((map) => [map.title, ((this.values[map.name][i] / data.steps) * data.scale).toFixed(2)]);
      tip.replaceChildren(...[[name, ""], ...this.opinion(i), ...lines].map(([key, value]) => row(key, value)));
      const frame = this.root.getBoundingClientRect();
      const x = clientX - frame.left + 14;
      tip.style.left = `${x + 234 > frame.width ? Math.max(0, x - 248) : x}px`;
      tip.style.top = `${clientY - frame.top + 14}px`;
    }
    this.draw();
  }
}
