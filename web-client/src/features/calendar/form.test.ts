import { expect, it } from 'vitest';
import { shortened } from './form';

it('shortens every period by ten minutes and keeps the breaks', () => {
  const bells = {
    id: 'usual',
    name: 'Обычные',
    shift: 1,
    periods: [
      { n: 1, starts: '08:30:00', ends: '09:15:00' },
      { n: 2, starts: '09:25:00', ends: '10:10:00' },
    ],
  };
  expect(shortened(bells).periods).toEqual([
    { n: 1, starts: '08:30:00', ends: '09:05:00' },
    { n: 2, starts: '09:15:00', ends: '09:50:00' },
  ]);
});
