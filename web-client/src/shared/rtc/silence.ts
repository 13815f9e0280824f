// Notices that nothing comes any more, sooner than ICE does: Chromium tells of a dead path after 5 s.

/** Voices in a pause still send a packet every 400 ms (RFC 6716, DTX), pictures many a second. */
export const SILENCE_MS = 1_200;
/** How often to look. */
export const LOOK_EVERY_MS = 400;
/** A page in the background looks seldom: one look without news proves nothing. */
const LOOKS = 3;

/** Not a reason to act, only to ask: everybody may have gone mute. */
export class Silence {
  #played: number | undefined;
  #since: number | undefined;
  #looks = 0;

  /** `played`: when the newest packet was played, by any clock; `now` in ms. True once at the beginning of each silence. */
  begins(played: number | undefined, now: number): boolean {
    // Browsers forget a source 10 s after its last packet: that is no news either.
    if (played !== undefined && played > (this.#played ?? Number.NEGATIVE_INFINITY)) {
      this.#played = played;
      this.#since = now;
      this.#looks = 0;
      return false;
    }
    this.#looks += 1;
    if (this.#since === undefined || now - this.#since < SILENCE_MS || this.#looks < LOOKS) return false;
    this.#since = undefined;
    return true;
  }

  /** Something has come before, and nothing since. */
  get lasts(): boolean {
    return this.#played !== undefined && this.#since === undefined;
  }
}
