// When people are asked to look away from the screen (INV-44): once, in the middle of a lesson longer than 20 minutes.

/** Longer than this, eyes need a break. */
const FROM_MS = 20 * 60_000;
/** How long the request stands. */
export const EYE_BREAK_LASTS_MS = 60_000;

/** The instant of the break; undefined: the lesson is short enough. */
export function eyeBreakMs(startMs: number, endMs: number): number | undefined {
  const lasts = endMs - startMs;
  return lasts > FROM_MS ? startMs + Math.floor(lasts / 2) : undefined;
}

export function isEyeBreak(startMs: number, endMs: number, nowMs: number): boolean {
  const at = eyeBreakMs(startMs, endMs);
  return at !== undefined && nowMs >= at && nowMs < at + EYE_BREAK_LASTS_MS;
}
