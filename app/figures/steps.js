// What the steps of training show of one thing, each fetched once and kept while there is room.
const ROOM_BYTES = 64 << 20;

class Steps {
  // unpack(answer) makes a step's picture of what the server answers, a promise of it.
  constructor(unpack) {
    [this.unpack, this.kept] = [unpack, new Map()];
  }

  // From here on steps are those of this address; what was kept of another is forgotten.
  begin(address, steps, bytesEach) {
    if (address !== this.address) {
      this.stop?.abort();
      [this.stop, this.kept] = [new AbortController(), new Map()];
    }
    [this.address, this.steps] = [address, steps];
    this.most = Math.max(4, Math.floor(ROOM_BYTES / bytesEach));
  }

  keep(step, shown) {
    this.kept.delete(step);
    this.kept.set(step, shown);
    while (this.kept.size > this.most) this.kept.delete(this.kept.keys().next().value);
  }

  // A promise of what a step shows. Rejects with what is wrong in words.
  async get(step) {
    const { kept } = this;
    const found = kept.get(step) ?? this.fetch(step);
    this.keep(step, found);
    try {
      return await found;
    } catch (error) {
      kept.delete(step); // so that it can be asked for again
      throw error;
    }
  }

  async fetch(step) {
    const answer = await fetch(`${this.address}&step=${step}`, { signal: this.stop.signal });
    const sent = await answer.json();
    if (!answer.ok) throw new Error(sent.error);
    return this.unpack(sent);
  }

  // Fetches what there is room for, nearest first, one at a time so that what is asked for meanwhile need not wait.
  async prefetch(step) {
    const { address, steps } = this;
    const at = steps.indexOf(step);
    const nearest = [...steps.keys()].sort((a, b) => Math.abs(a - at) - Math.abs(b - at)).slice(0, this.most);
    for (const each of nearest) {
      if (this.address !== address) return;
      if (this.kept.has(steps[each])) continue;
      try {
        await this.get(steps[each]);
      } catch {
        return; // it is said when somebody asks for that step
      }
    }
  }
}
