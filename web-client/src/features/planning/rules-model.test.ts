import { expect, it } from 'vitest';
import { differences, isInForce, type Norm, withoutEmpty } from './rules-model';

it('a row is in force from its first to its last day', () => {
  const row = { valid_from: '2026-09-01', valid_to: '2027-02-28' };
  expect(['2026-08-31', '2026-09-01', '2027-02-28', '2027-03-01'].map((day) => isInForce(row, day))).toEqual([
    false,
    true,
    true,
    false,
  ]);
  expect(isInForce({}, '2026-11-28')).toBe(true);
  expect(isInForce({ valid_to: '2026-11-27' }, '2026-11-28')).toBe(false);
});

it('what was left empty is not sent', () => {
  expect(withoutEmpty({ id: '', code: 'pc', per_day_home: undefined, per_lesson: 0 })).toEqual({
    code: 'pc',
    per_lesson: 0,
  });
});

it('a proposal shows what it changes, and everything where nothing stood', () => {
  const norm = { id: 'n', code: 'pc', grade_from: 1, grade_to: 4, source: 'x', mode: 'warn', per_lesson: 20 } as Norm;
  const change = { kind: 'norm', row: { ...norm, per_lesson: 15, valid_to: '2027-05-31' } } as const;
  expect(differences({ change, was: { kind: 'norm', row: norm } })).toEqual([
    ['per_lesson', 20, 15],
    ['valid_to', undefined, '2027-05-31'],
  ]);
  expect(differences({ change }).map(([name]) => name)).toContain('source');
  expect(differences({ change, was: { kind: 'norm', row: { ...norm, valid_from: '2026-09-01' } } })).toContainEqual([
    'valid_from',
    '2026-09-01',
    undefined,
  ]);
});
