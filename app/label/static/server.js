// What the editor asks of the server, and how changes are kept: one save after another, the newest state each time, and
// where the page is left before that, what changed since.

const API = new URL('api/', window.location.href);

export class Problem extends Error {
  constructor(message, status) { super(message); this.status = status; }
}

export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(new URL(path, API), options);
  } catch {
    throw new Problem('The server does not answer. What you do is kept here until it does.', 0);
  }
  if (answer.ok) return answer;
  const text = await answer.text();
  let message = text;
  try { message = JSON.parse(text).error; } catch { /* not JSON: the text says it */ }
  throw new Problem(message || `the server answered ${answer.status}`, answer.status);
}

/** The addresses of a set and of a photo in it. */
export const addressOf = (set, photo = null) => (
  `sets/${encodeURIComponent(set)}${photo === null ? '' : `/photos/${encodeURIComponent(photo)}`}`
);

const RETRY = 2000; // ms until a save that did not get through is tried again
const OUTLIVES = 48 << 10; // bytes of a request that may go on when the page is gone; browsers allow 64 KiB in all

/** Keeps the label of one photo on the server's disk. */
export class Keeper {
  /**
   * stored: the answer that brought the label. current: gives the values to keep, of this photo whatever is shown. say:
   * told 'saving', 'saved' or a Problem.
   */
  constructor(path, stored, current, say) {
    const [version, basis] = [stored.headers.get('ETag'), stored.headers.get('Basis')];
    const editor = Array.from(window.crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16)).join('');
    Object.assign(this, {
      path, version, basis, editor, current, say, changes: 0, kept: 0, running: null, stopped: false, problem: null,
      known: current().slice(), sent: null,
    });
  }

  get pending() { return this.changes > this.kept; }

  changed() { this.changes++; this.save(); }

  /** Save what is pending; done once that and what changes meanwhile is through, or a save has failed. */
  save({ force = false } = {}) {
    if (force) this.stopped = false;
    if (!this.stopped && (this.pending || force)) this.running ??= this._saveAll(force);
    return this.running;
  }

  /** Nothing is saved any more. */
  leave() {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** The page goes: what is not kept yet is sent in a request that outlives it, as far as browsers let it. */
  farewell() {
    if (!this.pending || this.stopped) return;
    const body = runs(this.current(), [this.known, ...(this.sent ? [this.sent] : [])]);
    if (body.byteLength <= OUTLIVES) ask(this.path, { method: 'PATCH', headers: this._headers(), body, keepalive: true }).catch(() => {});
  }

  _headers(force = false) {
    const headers = { Basis: this.basis, Editor: this.editor, Change: String(this.changes) };
    return force ? headers : { ...headers, 'If-Match': this.version };
  }

  async _saveAll(force) {
    try {
      let through = await this._saveOnce(force);
      while (through && this.pending && !this.stopped) through = await this._saveOnce(false);
    } finally {
      this.running = null;
    }
  }

  /** Returns whether it is through. */
  async _saveOnce(force) {
    const target = this.changes;
    this.say('saving');
    try {
      const headers = this._headers(force);
      const values = this.current().slice();
      const body = await packed(values);
      this.sent = values;
      const answer = await ask(this.path, { method: 'PUT', headers, body, keepalive: body.size <= OUTLIVES });
      this.version = (await answer.json()).version;
      this.kept = target;
      this.known = values;
      this.sent = null;
      this.problem = null;
      this.say(this.pending ? 'saving' : 'saved');
      return true;
    } catch (problem) {
      this.problem = problem;
      this.say(problem);
      if (problem.status) this.stopped = true; // asking again would not help
      clearTimeout(this.timer);
      if (!this.stopped) this.timer = setTimeout(() => this.save(), RETRY);
      return false;
    }
  }
}

async function packed(values) {
  const stream = new Blob([values]).stream().pipeThrough(new CompressionStream('gzip'));
  return new Response(stream).blob();
}

/** Where values differ from one of some others: first pixel, and length * 256 + value, of each run, as uint32. */
function runs(values, others) {
  const found = [];
  for (let start = 0; start < values.length;) {
    let end = start;
    while (end < values.length && values[end] === values[start] && others.some((other) => other[end] !== values[end])) end++;
    if (end > start) found.push(start, (end - start) * 256 + values[start]);
    start = Math.max(end, start + 1);
  }
  return new Uint32Array(found);
}
