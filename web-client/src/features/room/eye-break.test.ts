import { expect, it } from 'vitest';
import { EYE_BREAK_LASTS_MS, eyeBreakMs, isEyeBreak } from './eye-break';

const MINUTE = 60_000;

it('inv_44: a lesson longer than 20 minutes has one break, begun in its middle third', () => {
  for (let lasts = 1; lasts <= 20; lasts++) expect(eyeBreakMs(0, lasts * MINUTE)).toBeUndefined();
  for (let lasts = 21; lasts <= 90; lasts++) {
    const at = eyeBreakMs(7, 7 + lasts * MINUTE) as number;
    expect(at - 7).toBeGreaterThanOrEqual((lasts * MINUTE) / 3);
    expect(at - 7).toBeLessThanOrEqual((lasts * MINUTE * 2) / 3);
  }
});

it('inv_44: the request stands for its minute and at no other time', () => {
  const shown = (now: number) => isEyeBreak(0, 40 * MINUTE, now);
  expect(
    [0, 20 * MINUTE - 1, 20 * MINUTE, 20 * MINUTE + EYE_BREAK_LASTS_MS - 1, 20 * MINUTE + EYE_BREAK_LASTS_MS].map(
      shown,
    ),
  ).toEqual([false, false, true, true, false]);
});
