// The hub's clock. Countdowns must not depend on a pupil's wrong laptop clock.

let offsetMs = 0;

/** Called with every answer that carries the hub's time. */
export function noteServerTime(serverMs: number): void {
  offsetMs = serverMs - Date.now();
}

export function serverNow(): number {
  return Date.now() + offsetMs;
}
