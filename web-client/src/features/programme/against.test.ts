import { expect, test } from 'vitest';
import type { AgainstDate } from '../../shared/planning/api';
import { byReason } from './against';

const date = (id: string, code: string): AgainstDate => ({
  id,
  title: 'Дроби',
  host: 'Соколова М. И.',
  start: '2026-12-03T12:30:00Z',
  findings: [{ code, params: {}, refused: true, overridable: false }],
});

test('dates stand together by reason, in the order of time', () => {
  const dates = [date('a', 'outside_study_period'), date('b', 'topics_required'), date('c', 'outside_study_period')];
  expect(byReason(dates).map((group) => group.map(({ id }) => id))).toEqual([['a', 'c'], ['b']]);
});
