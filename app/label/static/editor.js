// The label editor: photos at the left, the one that is worked on in the middle, classes and questions at the right.

import { Areas, IGNORE, Label } from './label.js';
import { boxOf, View } from './view.js';
import { addressOf, ask, Keeper } from './server.js';

const asked = new URLSearchParams(window.location.search);
const KEYS = '123456789qwertuipdfghjklxcv';
const SURE = 70; // percent
const GRAIN = 4; // areas that one begins with
const $ = (id) => document.getElementById(id);

const state = {
  set: asked.get('set') ?? '', space: { classes: [], palette: [] }, photos: [], advice: new Map(), photo: null,
  value: 0, tool: 'area', grain: GRAIN, radius: 8, model: asked.get('model') ?? '', guess: null, questions: [], asked: GRAIN, question: -1,
  answering: false, // the user has turned to the questions: a class's key answers them
};
const view = new View($('picture'));
let label = null;
let areas = null;
let keeper = null;
let loading = 0;
let opening = 0;
let leaving = false; // the label that is shown may no longer change

document.documentElement.dataset.theme = asked.get('theme')
  ?? (window.matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');

// Saying things

function notice(text, ...actions) {
  $('notice').textContent = text ?? '';
  $('notice').hidden = !text;
  for (const [name, act] of actions) {
    const button = document.createElement('button');
    button.textContent = name;
    button.onclick = () => { notice(null); act(); };
    $('notice').append(button);
  }
}

function sayKept(what) {
  const said = { saving: 'Saving …', saved: 'All changes saved' }[what];
  $('saved').textContent = said ?? 'Not saved';
  $('saved').classList.toggle('wrong', !said);
  if (what === 'saved') fillPhotos();
  if (said) return;
  const own = keeper;
  if (what.status === 409) {
    notice('This photo was changed elsewhere meanwhile, perhaps in another tab.',
      ['Load that', () => open(state.photo, { discard: true })], ['Keep mine', () => own.save({ force: true })]);
  } else if (what.status === 412) notice(what.message, ['Load anew', () => reload()]);
  else notice(what.message, ['Try again', () => { own.stopped = false; own.save(); }]);
}

/** Begin anew with what the set is now; what could not be kept is given up. */
function reload() {
  keeper?.leave();
  window.location.reload();
}

async function trying(act) {
  try { return await act(); } catch (problem) { notice(problem.message); return null; }
}

// Lists

/** Put other items into a list; the place that had the focus keeps it. */
function refill(list, items) {
  const at = [...list.children].findIndex((item) => item.contains(document.activeElement));
  list.replaceChildren(...items);
  const item = list.children[at];
  if (item) (item.tabIndex < 0 ? item.firstElementChild : item).focus();
}

function fillClasses() {
  refill($('classes'), [...state.space.classes, 'Nothing (ignored)'].map((name, i) => {
    const value = i === state.space.classes.length ? IGNORE : i;
    const item = document.createElement('li');
    item.role = 'option';
    item.tabIndex = 0;
    item.ariaSelected = String(value === state.value);
    const colour = document.createElement('i');
    if (value !== IGNORE) colour.style.background = `rgb(${state.space.palette[i].join(',')})`;
    const key = document.createElement('kbd');
    key.textContent = value === IGNORE ? '0' : KEYS[i] ?? '';
    item.append(colour, name, key);
    item.onclick = () => { turnTo(false); choose(value); };
    item.onkeydown = (event) => {
      const to = { ArrowDown: item.nextElementSibling, ArrowUp: item.previousElementSibling }[event.key];
      if (to) to.focus();
      else if (event.key === 'Enter' || event.key === ' ') item.click();
      else return;
      event.preventDefault();
    };
    return item;
  }));
}

function fillPhotos() {
  const place = new Map([...state.advice.keys()].map((name, i) => [name, i]));
  const order = [...state.photos].sort((a, b) => (place.get(a.name) ?? 1e9) - (place.get(b.name) ?? 1e9));
  refill($('photos'), order.map((photo) => {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.ariaCurrent = String(photo.name === state.photo);
    const meter = document.createElement('meter');
    Object.assign(meter, { value: photo.labelled, ariaLabel: `${Math.round(100 * photo.labelled)} % labelled` });
    const why = document.createElement('small');
    why.textContent = state.advice.get(photo.name) ?? `${Math.round(100 * photo.labelled)} % labelled`;
    button.append(photo.name, meter, why);
    button.onclick = () => open(photo.name);
    item.append(button);
    return item;
  }));
}

function choose(value) {
  state.value = value;
  fillClasses();
}

// A photo

/** Show a photo once what was painted on the one before is kept; where that cannot be, it asks first. */
async function open(name, { discard = false } = {}) {
  const turn = ++opening;
  endStroke();
  leaving = true;
  if (!discard) await keeper?.save();
  if (turn !== opening) return;
  if (keeper?.pending && !discard) {
    leaving = false;
    const { problem } = keeper;
    notice(`The last changes to ${state.photo} are not saved. ${problem?.message ?? ''}`,
      ['Discard', () => open(name, { discard: true })], ['Stay', () => problem && sayKept(problem)]);
    return;
  }
  await load(name);
  if (turn !== opening || !leaving) return;
  leaving = false; // it could not be loaded: the one before stays
  if (keeper) sayKept(keeper.problem ?? 'saved');
}

async function load(name) {
  const turn = ++loading;
  notice(null);
  $('saved').textContent = 'Loading …';
  const path = addressOf(state.set, name);
  await trying(async () => {
    const [picture, stored] = await Promise.all([ask(`${path}/image`), ask(`${path}/label`)]);
    const photo = await createImageBitmap(await picture.blob());
    const values = new Uint8Array(await stored.arrayBuffer());
    if (turn !== loading) return;
    state.photo = name;
    keeper?.leave();
    const own = new Label(values, photo.width);
    const mine = new Keeper(`${path}/label`, stored, () => own.values, (what) => { if (keeper === mine) sayKept(what); });
    [label, keeper, leaving] = [own, mine, false];
    forgetHelp();
    view.show(photo, label, state.space.palette);
    ready();
    showShare();
    fillPhotos();
    await findHelp(path, turn);
  });
  if (turn === loading) showHelp();
}

/** What was found in the photo before, or by another model. */
function forgetHelp() {
  Object.assign(state, { guess: null, questions: [], question: -1 });
  areas = cursor = null;
  turnTo(false);
  $('start').hidden = $('questions').hidden = true;
}

/** Areas of the photo that is shown, what the model sees in it, and what it would ask. */
async function findHelp(path, turn) {
  const model = state.model ? `?model=${encodeURIComponent(state.model)}` : '';
  $('saved').textContent = 'Finding areas …';
  history.replaceState(null, '', `?${new URLSearchParams({ ...Object.fromEntries(asked), set: state.set, photo: state.photo, model: state.model })}`);
  const found = new Areas(await (await ask(`${path}/areas${model}`)).arrayBuffer());
  if (turn !== loading) return;
  areas = found;
  if (state.tool !== 'brush') $('size').max = areas.grains - 1;
  if (state.model) await readGuess(path, turn);
  if (turn === loading && !keeper.pending) sayKept('saved');
}

/** Another model looks at the photo that is shown; what was painted, and can be taken back, stays. */
async function lookAnew() {
  if (!label || leaving) return;
  const turn = ++loading;
  forgetHelp();
  view.point([]);
  await trying(() => findHelp(addressOf(state.set, state.photo), turn));
  if (turn === loading) showHelp();
}

async function readGuess(path, turn) {
  const query = `?model=${encodeURIComponent(state.model)}`;
  const both = new Uint8Array(await (await ask(`${path}/guess${query}`)).arrayBuffer());
  const found = await (await ask(`${path}/questions${query}`)).json();
  if (turn !== loading) return;
  const half = both.length / 2;
  state.guess = { labels: both.subarray(0, half), percent: both.subarray(half) };
  state.questions = found.questions;
  state.asked = found.grain;
  state.question = -1;
}

function showHelp() {
  const untouched = label?.values.every((value) => value === IGNORE);
  $('start').hidden = !(state.guess && untouched);
  $('questions').hidden = !(state.guess && state.questions.length && !untouched);
  if (!$('questions').hidden) nextQuestion();
}

function showShare() {
  $('share').textContent = `${Math.round(100 * label.share())} % labelled`;
  $('undo').disabled = !label.done.length;
  $('redo').disabled = !label.undone.length;
}

function kept() {
  keeper.changed();
  showShare();
  const own = state.photos.find((photo) => photo.name === state.photo);
  if (own) own.labelled = label.share();
  $('start').hidden = true; // something is labelled by now
}

// Questions

function nextQuestion() {
  const { questions } = state;
  do state.question++; while (state.question < questions.length && answered(questions[state.question]));
  const left = questions.slice(state.question).filter((each) => !answered(each)).length;
  $('question-count').textContent = left ? `${left} left` : '';
  const found = questions[state.question];
  $('agree').disabled = $('skip').disabled = !found;
  if (!found) { $('question').textContent = 'No more questions for this photo.'; view.point([]); return; }
  const name = state.space.classes[found.label] ?? 'none of these classes';
  $('question').textContent = `Is this ${name}? The model is ${Math.round(100 * found.confidence)} % sure.`;
  showQuestion();
}

const askedOf = () => areas.of(state.asked, state.questions[state.question].area);

/** Light up what the question is about; the view goes there where the user has turned to the questions. */
function showQuestion() {
  const pixels = askedOf();
  view.point(pixels);
  if (state.answering) view.look(boxOf(pixels, label.width));
}

/** Questions come unasked: until the user turns to them, the key of a class chooses what is painted. */
function turnTo(answering) {
  if (answering === state.answering) return;
  state.answering = answering;
  $('questions').classList.toggle('answering', answering);
  $('by-key').textContent = answering ? 'Or press the key of the right class.' : 'Click here to answer by the key of a class, too.';
  if (answering && asking()) showQuestion();
}

function answered(question) {
  const pixels = areas.of(state.asked, question.area);
  return pixels.reduce((count, pixel) => count + (label.values[pixel] !== IGNORE), 0) > pixels.length / 2;
}

function answer(value) {
  if (leaving) return;
  stroke(askedOf(), value);
  nextQuestion();
}

/** To the next question where a stroke has answered this one. */
function goOn() {
  if (asking() && answered(state.questions[state.question])) nextQuestion();
}

const asking = () => !$('questions').hidden && state.question >= 0 && state.question < state.questions.length;

// Painting

function stroke(pixels, value) {
  label.begin();
  label.paint(pixels, value);
  view.recolour(pixels);
  if (label.end()) kept();
}

/** The pixel under a place of the photo; null outside of it. */
function pixelAt({ x, y }) {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  return column < 0 || row < 0 || column >= label.width || row >= label.height ? null : row * label.width + column;
}

function touched({ x, y }) {
  const pixel = label ? pixelAt({ x, y }) : null;
  if (pixel === null) return [];
  if (state.tool === 'object') return label.piece(pixel);
  if (state.tool === 'brush') return label.disc(x - 0.5, y - 0.5, state.radius);
  return areas ? areas.of(state.grain, areas.at(state.grain, pixel)) : [];
}

function between(from, to) {
  const apart = state.tool === 'brush' ? Math.max(1, state.radius / 2) : 1;
  const steps = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / apart));
  return Array.from({ length: steps }, (_, i) => ({
    x: from.x + ((to.x - from.x) * (i + 1)) / steps, y: from.y + ((to.y - from.y) * (i + 1)) / steps,
  }));
}

const pointers = new Map();
let last = null;
let space = false;

function down(event) {
  if (!label || leaving || event.button > 1 || pointers.size >= 2) return;
  $('picture').setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, event);
  if (pointers.size === 2) { // two fingers move the photo; what the first had begun is taken back
    if (label.cancel()) { view.recolour(); keeper.changed(); } // a save may have sent what it had painted
    last = null;
    return;
  }
  if (moves(event)) { $('stage').classList.add('moving'); return; }
  turnTo(false);
  last = view.place(event);
  label.begin();
  paintAt([last]);
}

const moves = (event) => space || state.tool === 'move' || event.button === 1;

function move(event) {
  if (!label) return;
  const before = pointers.get(event.pointerId);
  const ratio = window.devicePixelRatio || 1;
  if (before && pointers.size === 2) pinch(event, before, ratio);
  else if (before && last === null) view.pan((event.clientX - before.clientX) * ratio, (event.clientY - before.clientY) * ratio);
  else if (before) {
    const place = view.place(event);
    paintAt(state.tool === 'object' ? [] : between(last, place));
    last = place;
  } else if (event.pointerType === 'mouse') hover(event);
  if (before) pointers.set(event.pointerId, event);
}

function pinch(event, before, ratio) {
  const other = [...pointers.values()].find((each) => each.pointerId !== event.pointerId);
  const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
  const { left, top } = $('picture').getBoundingClientRect();
  const x = ((event.clientX + other.clientX) / 2 - left) * ratio;
  const y = ((event.clientY + other.clientY) / 2 - top) * ratio;
  if (apart(before) > 0) view.zoom(apart(event) / apart(before), x, y);
  view.pan(((event.clientX - before.clientX) / 2) * ratio, ((event.clientY - before.clientY) / 2) * ratio);
}

function up(event) {
  pointers.delete(event.pointerId);
  $('stage').classList.remove('moving');
  if (last !== null && label.end()) {
    kept();
    goOn();
  }
  last = null;
}

/** As if whatever paints or moves had been lifted. */
function endStroke() {
  for (const event of [...pointers.values()]) up(event);
}

function paintAt(places) {
  let area = null; // that was painted last
  for (const place of places) {
    if (area?.has(pixelAt(place))) continue;
    const pixels = touched(place);
    if (!pixels.length) continue;
    if (state.tool === 'area') area = new Set(pixels);
    if (label.paint(pixels, state.value)) view.recolour(pixels);
  }
}

function hover(event) {
  const place = view.place(event);
  const pixels = state.tool === 'move' || space ? [] : touched(place);
  view.point(pixels);
  const pixel = pixelAt(place);
  $('hover').hidden = pixel === null;
  if (pixel === null) return;
  const own = state.space.classes[label.values[pixel]] ?? 'not labelled';
  const seen = state.guess && state.space.classes[state.guess.labels[pixel]];
  $('hover').textContent = seen ? `${own} · model: ${seen} ${state.guess.percent[pixel]} %` : own;
  const { left, top } = $('stage').getBoundingClientRect();
  Object.assign($('hover').style, { left: `${event.clientX - left + 14}px`, top: `${event.clientY - top + 14}px` });
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STRIDE = 8; // pixels of the screen that an arrow key goes; with Shift five times as far
let cursor = null; // where arrow keys have gone on the photo

/** Paint without a pointer: arrow keys go over the photo, Enter paints what is lit up. */
function steer(event) {
  if (!label || leaving) return;
  const by = ARROWS[event.key];
  if (by) {
    const reach = (event.shiftKey ? 5 : 1) * STRIDE * ((window.devicePixelRatio || 1) / view.scale);
    const from = cursor ?? { x: label.width / 2, y: label.height / 2 };
    const within = (value, most) => Math.min(Math.max(value, 0.5), most - 0.5);
    cursor = { x: within(from.x + by[0] * reach, label.width), y: within(from.y + by[1] * reach, label.height) };
    view.point(touched(cursor));
  } else if (event.key === 'Enter' && cursor && state.tool !== 'move') {
    turnTo(false);
    stroke(touched(cursor), state.value);
    goOn();
  } else return;
  event.preventDefault();
}

// Tools

function setTool(tool) {
  state.tool = tool;
  for (const button of document.querySelectorAll('[data-tool]')) button.ariaPressed = String(button.dataset.tool === tool);
  const brush = tool === 'brush';
  $('size-name').textContent = brush ? 'Brush' : 'Area size';
  Object.assign($('size'), brush ? { min: 1, max: 60, value: state.radius } : { min: 0, max: (areas?.grains ?? 8) - 1, value: state.grain });
  if (label) view.point([]);
}

function setSize(value) {
  if (state.tool === 'brush') state.radius = value;
  else state.grain = value;
}

function step(by) {
  $('size').value = Number($('size').value) + by;
  setSize(Number($('size').value));
}

function change(way) {
  if (leaving || !label?.[way]()) return;
  view.recolour();
  kept();
}

function keyed(event) {
  if (event.target.matches('input:not([type=range]), select')) return;
  const key = event.key.toLowerCase();
  const typed = event.getModifierState('AltGraph'); // [ and ] need it on many keyboards
  const command = (event.ctrlKey || event.metaKey) && !typed;
  if (command && key === 'z') change(event.shiftKey ? 'redo' : 'undo');
  else if (command && key === 'y') change('redo');
  else if (command || (event.altKey && !typed)) return;
  else if (key === ' ' && event.target.matches('button, [role=option]')) return;
  else if (key === ' ') space = event.type === 'keydown';
  else if (asking() && key === 'y') $('agree').click();
  else if (asking() && key === 'n') $('skip').click();
  else if (key in TOOLS) setTool(TOOLS[key]);
  else if (key in ACTS) ACTS[key]();
  else if (key === '0' || (KEYS.includes(key) && KEYS.indexOf(key) < state.space.classes.length)) {
    const value = key === '0' ? IGNORE : KEYS.indexOf(key);
    if (asking() && state.answering) answer(value);
    else choose(value);
  } else return;
  event.preventDefault();
}

const TOOLS = { a: 'area', b: 'brush', o: 'object', m: 'move' };
const ACTS = { '[': () => step(-1), ']': () => step(1), '+': () => view.zoom(1.25), '=': () => view.zoom(1.25), '-': () => view.zoom(0.8) };

// What else happens to the set: photos that were added on the page, labels and classes of other tabs

const LOOK = 3000; // ms between two looks

async function look() {
  const found = await (await ask(addressOf(state.set))).json();
  if (JSON.stringify([found.classes, found.palette]) !== JSON.stringify([state.space.classes, state.space.palette])) takeSpace(found);
  if (JSON.stringify(found.photos) !== JSON.stringify(state.photos)) {
    state.photos = found.photos;
    fillPhotos();
  }
  if (state.photo === null && state.photos.length) await open(state.photos[0].name);
}

/** Other classes or colours than so far. What was painted stays what it is where there are only more classes. */
function takeSpace({ classes, palette }) {
  const more = state.space.classes.every((name, i) => name === classes[i]);
  if (!more) { notice('The classes of this set were changed meanwhile.', ['Load anew', () => reload()]); return; }
  state.space = { classes, palette };
  if (label) { view.palette = palette; view.recolour(); }
  fillClasses();
}

async function keepLooking() {
  try {
    if (!document.hidden && !keeper?.pending) await look();
  } catch (problem) {
    if (problem.status) notice(problem.message); // a server that is silent is told where something is to be kept
  }
  setTimeout(keepLooking, LOOK);
}

// Beginning

/** Keys reach the editor from the beginning, unless somebody types elsewhere on the page that holds it. */
function takeKeys() {
  const outside = window.parent.document;
  if (outside.activeElement === outside.body) window.focus();
}

/** The tools can be used, or it is said why not. */
function ready() {
  $('loading').hidden = true;
  for (const part of document.querySelectorAll('[inert]')) part.inert = false;
}

async function begin() {
  takeKeys();
  const [models, found] = await Promise.all([ask('models').then((a) => a.json()), ask(addressOf(state.set)).then((a) => a.json())]);
  state.space = { classes: found.classes, palette: found.palette };
  state.photos = found.photos;
  $('model').append(...models.map(({ name, title }) => new Option(title, name, false, name === state.model)));
  $('advise').disabled = !state.model;
  fillClasses();
  fillPhotos();
  const first = found.photos.find((photo) => photo.name === asked.get('photo')) ?? found.photos.find((photo) => !photo.labelled) ?? found.photos[0];
  if (first) await open(first.name);
  else notice('There are no photos in this set yet; add some above.');
  setTimeout(keepLooking, LOOK);
}

for (const button of document.querySelectorAll('[data-tool]')) button.onclick = () => setTool(button.dataset.tool);
for (const button of document.querySelectorAll('[data-start]')) {
  button.onclick = () => {
    if (leaving) return;
    const { labels, percent } = state.guess;
    const least = button.dataset.start === 'sure' ? SURE : 0;
    label.begin();
    labels.forEach((value, pixel) => { if (percent[pixel] >= least && label.values[pixel] === IGNORE) label.paint([pixel], value); });
    view.recolour();
    if (label.end()) kept();
    showHelp();
  };
}
$('size').oninput = (event) => setSize(Number(event.target.value));
$('opacity').oninput = (event) => { view.opacity = event.target.value / 100; view.draw(); };
$('undo').onclick = () => change('undo');
$('redo').onclick = () => change('redo');
$('zoom-in').onclick = () => view.zoom(1.25);
$('zoom-out').onclick = () => view.zoom(0.8);
$('zoom-fit').onclick = () => view.fit();
for (const kind of ['focusin', 'click']) $('questions').addEventListener(kind, () => turnTo(true), { capture: true });
$('agree').onclick = () => answer(state.questions[state.question].label);
$('skip').onclick = () => nextQuestion();
$('model').onchange = (event) => { state.model = event.target.value; $('advise').disabled = !state.model; lookAnew(); };
$('advise').onclick = () => trying(async () => {
  $('advise').disabled = true;
  try {
    const query = `?model=${encodeURIComponent(state.model)}`;
    for (const [i, photo] of state.photos.entries()) {
      $('advise').textContent = `Looking ${i + 1}/${state.photos.length}`;
      await ask(`${addressOf(state.set, photo.name)}/outlook${query}`);
    }
    const found = await (await ask(`${addressOf(state.set)}/advice${query}`)).json();
    state.advice = new Map(found.map(({ name, why }) => [name, why]));
    fillPhotos();
    if (found.length) await open(found[0].name);
    else notice('Every photo has labels already.');
  } finally { $('advise').disabled = false; $('advise').textContent = 'What next?'; }
});
$('add-class').onsubmit = (event) => {
  event.preventDefault();
  const name = new FormData(event.target).get('name');
  trying(async () => {
    const answer = await ask(`${addressOf(state.set)}/classes?name=${encodeURIComponent(name)}`, { method: 'POST' });
    takeSpace(await answer.json());
    event.target.reset();
    choose(state.space.classes.length - 1);
  });
};
const picture = $('picture');
picture.addEventListener('pointerdown', down);
picture.addEventListener('pointermove', move);
picture.addEventListener('pointerup', up);
picture.addEventListener('pointercancel', up);
picture.addEventListener('pointerleave', () => {
  $('hover').hidden = true;
  if (label) view.point(asking() ? askedOf() : []);
});
$('stage').addEventListener('keydown', steer);
picture.addEventListener('wheel', (event) => {
  event.preventDefault();
  const { left, top } = picture.getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  if (label) view.zoom(Math.exp(-event.deltaY / 400), (event.clientX - left) * ratio, (event.clientY - top) * ratio);
}, { passive: false });
window.addEventListener('keydown', keyed);
window.addEventListener('keyup', (event) => { if (event.key === ' ') space = false; });
window.addEventListener('blur', () => { space = false; });
window.addEventListener('pagehide', () => keeper?.farewell()); // also where the dashboard goes to another page
window.addEventListener('beforeunload', (event) => { if (keeper?.pending) event.preventDefault(); });
trying(begin).finally(ready);
