import { expect, test } from 'vitest';
import type { Metric } from './data';
import { barsOf, shown, toneOf } from './model';

const metric = (code: string, value?: number): Metric => ({ code, value, above: 0, below: 0, is_hidden: false });

test('shares are per cent, marks and hours are not', () => {
  expect(shown(metric('punctuality', 0.5), 'en')).toBe('50%');
  expect(shown(metric('helpfulness', 4.25), 'en')).toBe('4.25');
  expect(shown(metric('punctuality'), 'en')).toBeUndefined();
});

test('of what should not be, less is better', () => {
  expect(toneOf(metric('no_show_rate', 0))).toBe('good');
  expect(toneOf(metric('no_show_rate', 0.3))).toBe('bad');
  expect(toneOf(metric('punctuality', 0.95))).toBe('good');
  expect(toneOf(metric('attendance', 0.4))).toBe('bad');
});

test('the bars of a week stand on each other and the highest fills the box', () => {
  const [low, high] = barsOf(
    [
      { monday: '2026-11-16', held: 1, not_held: 0, cancelled: 0, ahead: 1 },
      { monday: '2026-11-23', held: 3, not_held: 1, cancelled: 0, ahead: 0 },
    ],
    100,
    20,
  );
  expect(low?.parts.map(({ y, height }) => [y, height])).toEqual([
    [75, 25],
    [50, 25],
  ]);
  expect(high?.parts.at(-1)?.y).toBe(0);
});
