// A page of frames: buttons with the weight map over the picture. Sends "open" with the frame's id.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".grid");
  const colours = bytes(data.colours);
  const tiles = data.tiles.map((tile, at) => tileAt(root, at, tile, (id) => setTriggerValue("open", id)));
  while (root.children.length > tiles.length) root.lastChild.remove();
  const turn = (root.turn = (root.turn || 0) + 1);
  Promise.all(data.tiles.map(unpack)).then((unpacked) => {
    if (turn !== root.turn) return; // a newer page came meanwhile
    unpacked.forEach(({ picture, values }, at) => {
      const { width, height, scale } = data.tiles[at];
      const canvas = tiles[at].querySelector("canvas");
      [canvas.width, canvas.height] = [width, height];
      paint(canvas.getContext("2d"), picture.pixels, { values, scale }, width, height, data.lens, colours, data.full);
      canvas.dataset.painted = `${data.tiles[at].id} ${data.lens.opacity} ${data.lens.threshold}`;
    });
    root.dataset.ready = String(turn);
  });
}

function tileAt(root, at, tile, open) {
  const button = root.children[at] || root.appendChild(newTile());
  button.onclick = () => open(tile.id);
  button.title = tile.id;
  button.setAttribute("aria-label", `Open frame ${tile.id}, ${tile.note}`);
  button.querySelector(".name").textContent = tile.id;
  button.querySelector(".note").textContent = tile.note;
  button.querySelector("canvas").style.aspectRatio = `${tile.width} / ${tile.height}`;
  return button;
}

function newTile() {
  const button = document.createElement("button");
  button.type = "button";
  button.innerHTML = '<canvas></canvas><span class="line"><span class="name"></span><span class="note"></span></span>';
  return button;
}

// Pictures and values of a tile are unpacked once, however often the sliders move.
const unpackedTiles = new Map();

function unpack(tile) {
  const known = `${tile.key}`;
  if (!unpackedTiles.has(known)) {
    if (unpackedTiles.size > 200) unpackedTiles.delete(unpackedTiles.keys().next().value);
    unpackedTiles.set(known, Promise.all([photograph(tile.jpeg, tile.width, tile.height), inflate(tile.values)])
      .then(([picture, values]) => ({ picture, values })));
  }
  return unpackedTiles.get(known);
}
