import { describe, expect, it } from 'vitest';
import { LOOK_EVERY_MS, SILENCE_MS, Silence } from './silence';

/** Looks at these newest packets, one look after another; gives at which looks a silence began. */
function begun(silence: Silence, played: (number | undefined)[], every = LOOK_EVERY_MS): number[] {
  return played.flatMap((packet, look) => (silence.begins(packet, look * every) ? [look] : []));
}

describe('Silence', () => {
  it('is not there before anything has come', () => {
    const silence = new Silence();
    expect(begun(silence, Array(20).fill(undefined))).toEqual([]);
    expect(silence.lasts).toBe(false);
  });

  it('is not there while packets come, be they few', () => {
    expect(begun(new Silence(), [1, 1, 2, 2, 3, 3, 4, 4, 5, 5])).toEqual([]);
  });

  it('begins once, and again after packets', () => {
    const silence = new Silence();
    const look = Math.ceil(SILENCE_MS / LOOK_EVERY_MS);
    expect(begun(silence, [1, 1, 1, 1, 1, 1, 1, 1])).toEqual([look]);
    expect(silence.lasts).toBe(true);
    expect(silence.begins(2, 10_000)).toBe(false);
    expect(silence.lasts).toBe(false);
    expect(silence.begins(2, 10_400) || silence.begins(2, 10_800)).toBe(false);
    expect(silence.begins(2, 11_200)).toBe(true);
  });

  it('goes on when the browser forgets the source', () => {
    const silence = new Silence();
    expect(begun(silence, [1, 1, 1, 1, undefined, undefined, undefined, undefined, undefined])).toHaveLength(1);
    expect(silence.lasts).toBe(true);
  });

  it('is not concluded from seldom looks', () => {
    expect(begun(new Silence(), [1, 1, 2, 2, 3, 3], 60_000)).toEqual([]);
  });
});
