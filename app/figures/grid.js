// A page of frames: buttons with picture, label or weights. Tells "open", a frame
// and how it is looked at, and "lens".
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".gallery");
  root.view = root.view || new Grid(root);
  root.view.show(data, (name, value) => setTriggerValue(name, value));
}

class Grid {
  constructor(root) {
    this.grid = root.querySelector(".grid");
    this.trouble = root.querySelector(".trouble");
    this.said = root.querySelector(".said");
    this.bar = new LensBar(root.querySelector(".lens"), (lens) => this.look(lens));
    this.steps = new Steps((answer) => unpackTiles(answer.tiles));
  }

  async show(data, tell) {
    const turn = (this.turn = (this.turn || 0) + 1);
    const unpacked = await unpackTiles(data.tiles);
    if (turn !== this.turn) return; // a newer page came meanwhile
    [this.data, this.tell, this.colours] = [data, tell, bytes(data.colours)];
    const lens = this.bar.show(data.lens, (value) => tell("lens", value));
    const ids = data.tiles.map((tile) => tile.id);
    const room = data.tiles.reduce((sum, tile) => sum + 12 * tile.width * tile.height, 1);
    this.steps.begin(data.lens.more || ids.join(), data.lens.steps, room);
    this.steps.keep(data.lens.step, unpacked);
    this.buttons = data.tiles.map((tile, at) => this.button(at, tile));
    while (this.grid.children.length > this.buttons.length) this.grid.lastChild.remove();
    await this.look(lens);
    this.grid.dataset.ready = String(turn);
    if (data.lens.steps.length > 1) this.steps.prefetch(lens.step);
  }

  async look(lens) {
    const turn = (this.looks = (this.looks || 0) + 1);
    try {
      const shown = await this.steps.get(lens.step);
      if (turn !== this.looks) return;
      this.trouble.textContent = "";
      this.paint(shown, lens);
    } catch (error) {
      if (turn === this.looks) this.trouble.textContent = error.message;
    }
  }

  paint(shown, lens) {
    this.grid.style.gridTemplateColumns = `repeat(auto-fill, minmax(min(${lens.size}px, 45%), 1fr))`;
    const told = lens.step === this.data.lens.step; // numbers of another step are others
    const { sort } = this.data;
    this.explain(lens, told);
    this.data.tiles.forEach(({ id, notes, sort: value }, at) => {
      const tile = shown.get(id);
      const sorted = told && sort.map !== lens.map; // else the number of the map says it
      const lines = told ? [notes[lens.map], ...(sorted ? [`${sort.title} ${value}`] : [])] : [];
      this.buttons[at].querySelector(".note").textContent = lines[0] || "";
      this.buttons[at].querySelector(".sorted").textContent = lines[1] || "";
      this.buttons[at].setAttribute("aria-label", [`Open frame ${id}`, ...lines].join(", "));
      const canvas = this.buttons[at].querySelector("canvas");
      if (!tile) return;
      const { width, height, scale, steps, picture } = tile;
      [canvas.width, canvas.height] = [width, height];
      const context = canvas.getContext("2d");
      const values = { values: tile.values[lens.map], scale, steps };
      if (lens.show === "frame") context.drawImage(picture.canvas, 0, 0);
      else if (lens.show === "label") context.drawImage(classSheet(this.data.classes, width, height, (i) => tile.label[i]), 0, 0);
      else paint(context, picture.pixels, values, width, height, lens, this.colours, this.data.full);
      canvas.dataset.painted = `${id} ${Object.values(lens).join(" ")}`;
    });
  }

  // What the number below a frame is.
  explain(lens, told) {
    const map = this.data.lens.map.find(({ name }) => name === lens.map).title;
    this.said.textContent = told ? `Number below a frame: its mean weight on the map ${map}.` : "";
  }

  button(at, tile) {
    const button = this.grid.children[at] || this.grid.appendChild(newTile());
    button.onclick = () => {
      this.bar.stop();
      this.tell("open", { frame: tile.id, ...this.bar.spoken() }); // in one, so that the address holds both
    };
    button.title = tile.id;
    button.querySelector(".name").textContent = tile.id;
    button.querySelector("canvas").style.aspectRatio = `${tile.width} / ${tile.height}`;
    return button;
  }
}

function newTile() {
  const button = document.createElement("button");
  button.type = "button";
  button.innerHTML = '<canvas></canvas><span class="line"><span class="name"></span><span class="note"></span></span><span class="sorted"></span>';
  return button;
}

// Pictures and values of tiles are unpacked once, by id.
const unpackedTiles = new Map();

async function unpackTiles(tiles) {
  return new Map(await Promise.all(tiles.map(async (tile) => [tile.id, await unpackTile(tile)])));
}

function unpackTile(tile) {
  if (!unpackedTiles.has(tile.key)) {
    if (unpackedTiles.size > 200) unpackedTiles.delete(unpackedTiles.keys().next().value);
    unpackedTiles.set(tile.key, unpackFresh(tile));
  }
  return unpackedTiles.get(tile.key);
}

async function unpackFresh({ jpeg, label: packed, width, height, scale, steps, maps }) {
  const [picture, label, values] = await Promise.all([photograph(jpeg, width, height), inflate(packed), unpackMaps(maps, steps)]);
  return { width, height, scale, steps, picture, label, values };
}
