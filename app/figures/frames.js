// A frame as it is shown: what the server says of it, unpacked. Where its picture and label are those of the
// step that is open they are not sent again.
async function unpackFrame({ jpeg, label: labels, reasons: why, ...sent }, before) {
  const { width, height } = sent;
  const [picture, label, reasons, values] = await Promise.all([
    jpeg ? photograph(jpeg, width, height) : before.picture, labels ? inflate(labels) : before.label,
    unpackReasons(why), unpackMaps(sent.maps, sent.steps),
  ]);
  const present = [...new Set(label)].filter((id) => sent.classes[id]).sort((a, b) => a - b);
  const planted = reasons && plantedPath(reasons, width, height);
  const { seen, confidence, areas, harm, ...told } = why || {}; // packed
  return { sent: { ...sent, reasons: why && told }, picture, label, reasons, values, present, planted };
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
