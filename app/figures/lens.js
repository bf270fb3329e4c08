// How maps are looked at: which one, how opaque, from which threshold, at which step of training. It acts at once; when
// the hand rests the address follows, and the server is told for what depends on it. The address is read when the bar is
// made and when the browser goes back; until then what was chosen here holds, whatever an older answer says.
const REST_MS = 400;
const PLAY_MS = 600;
const PRESSES = ["pointerdown", "keydown"];

class LensBar {
  constructor(root, look) {
    [this.root, this.look] = [root, look];
    this.sliders = Object.fromEntries([...root.querySelectorAll("[type=range]")].map((slider) => [slider.name, slider]));
    this.choices = [...root.querySelectorAll(".choice")].map((choice) => choice.dataset.choice);
    this.ranges = Object.keys(this.sliders).filter((name) => name !== "step");
    for (const name of this.ranges) {
      this.sliders[name].oninput = (event) => this.set({ [name]: Number(event.target.value) });
    }
    this.sliders.step.oninput = (event) => {
      const step = this.sent.steps[Number(event.target.value)];
      this.pause(); // which draws the slider anew
      this.set({ step });
    };
    this.player = root.querySelector("[data-lens=play]");
    this.player.onclick = () => (this.playing ? this.pause() : this.play());
    root.querySelector("[data-lens=copy]").onclick = () => this.copy();
    const back = () => {
      if (!root.isConnected) window.removeEventListener("popstate", back);
      else if (this.sent) this.follow();
    };
    window.addEventListener("popstate", back);
    // What is pressed elsewhere on the page may take this bar away: what the server does not have yet goes first.
    const press = (event) => {
      if (!root.isConnected) for (const kind of PRESSES) window.removeEventListener(kind, press, true);
      else if (!event.composedPath().includes(root.getRootNode())) this.flush();
    };
    for (const kind of PRESSES) window.addEventListener(kind, press, true);
  }

  // What the server sends: choices, ranges, steps; and who tells it. Returns how to look at it now.
  show(sent, tell) {
    [this.sent, this.tell] = [sent, tell];
    const asked = this.read();
    // A corpus without steps leaves the one that was chosen.
    this.lens = this.fitting({ ...asked, ...this.lens, step: this.lens?.step ?? asked.step });
    if (!this.timer && !same(asked, this.lens)) this.rest();
    this.build();
    return this.lens;
  }

  // The address as a lens; what it lacks, or names wrongly, is as on a fresh page.
  read() {
    const query = new URLSearchParams(location.search);
    const within = (name) => {
      const { least, most, usual } = this.sent[name];
      const value = query.has(name) && query.get(name).trim() ? Number(query.get(name)) : NaN;
      return Number.isFinite(value) ? Math.min(Math.max(value, least), most) : usual;
    };
    const step = query.has("step") ? Number(query.get("step")) : null;
    const chosen = this.choices.map((name) => [name, query.get(name)]);
    return this.fitting(Object.fromEntries([...chosen, ...this.ranges.map((name) => [name, within(name)]), ["step", step]]));
  }

  fitting(lens) {
    const { sent, choices } = this;
    const known = (choice) => (sent[choice].some(({ name }) => name === lens[choice]) ? lens[choice] : sent[choice][0].name);
    const step = sent.steps.includes(lens.step) ? lens.step : sent.steps.at(-1) ?? null;
    return { ...lens, ...Object.fromEntries(choices.map((choice) => [choice, known(choice)])), step };
  }

  // The browser went back: an earlier address holds again.
  follow() {
    this.stop();
    this.lens = this.read();
    this.build();
    this.look(this.lens);
  }

  set(change) {
    this.lens = { ...this.lens, ...change };
    this.build();
    this.rest();
    return this.look(this.lens);
  }

  rest() {
    this.stop();
    this.timer = setTimeout(() => (this.playing ? this.rest() : this.flush()), REST_MS);
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  // The address and the server get what they do not have yet.
  flush() {
    if (!this.timer) return;
    this.stop();
    history.replaceState(history.state, "", this.address());
    this.tell(this.spoken());
  }

  spoken() {
    const { step, ...rest } = this.lens;
    return Object.fromEntries(Object.entries(step === null ? rest : this.lens).map(([name, value]) => [name, String(value)]));
  }

  address() {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(this.spoken())) query.set(name, value);
    return `${location.pathname}?${query}${location.hash}`;
  }

  build() {
    const { root, sent, lens } = this;
    for (const choice of this.choices) this.choose(choice);
    for (const name of this.ranges) {
      const { least, most, by } = sent[name];
      this.slide(name, { min: least, max: most, step: by }, lens[name], by < 1 ? lens[name].toFixed(2) : String(lens[name]));
    }
    root.querySelector(".training").hidden = sent.steps.length < 2;
    if (sent.steps.length) this.slide("step", { max: sent.steps.length - 1 }, sent.steps.indexOf(lens.step), lens.step.toLocaleString("en"));
    this.player.textContent = this.playing ? "❚❚" : "▶";
    this.player.setAttribute("aria-pressed", String(Boolean(this.playing)));
  }

  slide(name, range, value, text) {
    const slider = this.sliders[name];
    Object.assign(slider, range); // before the value, which is held to it
    if (Number(slider.value) !== value) slider.value = value;
    slider.setAttribute("aria-valuetext", text);
    slider.closest(".field").querySelector("output").textContent = text;
  }

  choose(choice) {
    const group = this.root.querySelector(`[data-choice=${choice}]`);
    const options = this.sent[choice];
    const names = options.map(({ name }) => name).join();
    if (group.dataset.names !== names) group.replaceChildren(...options.map((option) => this.radio(choice, option)));
    group.dataset.names = names;
    for (const input of group.querySelectorAll("input")) input.checked = input.value === this.lens[choice];
  }

  radio(choice, { name, title, about }) {
    const label = Object.assign(document.createElement("label"), { title: about });
    const input = Object.assign(document.createElement("input"), { type: "radio", name: choice, value: name });
    input.onchange = () => this.set({ [choice]: name });
    label.append(input, Object.assign(document.createElement("span"), { textContent: title }));
    return label;
  }

  // One step after the other, from the first where the last is shown; each stays until the next can be seen.
  async play() {
    const { steps } = this.sent;
    const turn = (this.playing = {});
    const from = steps.indexOf(this.lens.step) + 1;
    for (const step of steps.slice(from < steps.length ? from : 0)) {
      await Promise.all([this.set({ step }), new Promise((wake) => setTimeout(wake, PLAY_MS))]);
      if (this.playing !== turn || !this.root.isConnected) return;
    }
    this.pause();
  }

  pause() {
    this.playing = null;
    this.build();
  }

  async copy() {
    this.flush();
    const link = new URL(this.address(), location.href).href;
    const told = this.root.querySelector(".told");
    try {
      await navigator.clipboard.writeText(link);
      told.textContent = "Copied.";
    } catch { // refused, or a server elsewhere without TLS
      const field = Object.assign(document.createElement("input"), { value: link, readOnly: true });
      field.setAttribute("aria-label", "Link to copy");
      told.replaceChildren(field);
      field.select();
      return;
    }
    setTimeout(() => (told.textContent = ""), 3000);
  }
}

const same = (one, other) => JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(other).sort());
