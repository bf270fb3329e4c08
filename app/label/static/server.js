// What the editor asks of the server, and how changes are kept: one save after another, the newest state each time.

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

/** Keeps the label of one photo on the server's disk. */
export class Keeper {
  /** say: told 'saving', 'saved' or a Problem. current: gives the values to keep, of this photo whatever is shown. */
  constructor(path, version, current, say) {
    Object.assign(this, { path, version, current, say, changes: 0, kept: 0, running: null, stopped: false, problem: null });
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
      const headers = force ? {} : { 'If-Match': this.version };
      const answer = await ask(this.path, { method: 'PUT', headers, body: await packed(this.current()) });
      this.version = (await answer.json()).version;
      this.kept = target;
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
  const stream = new Blob([values.slice()]).stream().pipeThrough(new CompressionStream('gzip'));
  return new Response(stream).blob();
}
