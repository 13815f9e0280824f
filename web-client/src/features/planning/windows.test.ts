import { describe, expect, it } from 'vitest';
import { parseWindows, printWindows } from './windows';

const DAY = ['', 'Пн', 'Вт', 'Ср', 'Чт', 'Пт', 'Сб', 'Вс'];
const print = (text: string) => {
  const parsed = parseWindows(text);
  return 'windows' in parsed ? printWindows(parsed.windows, (n) => DAY[n] ?? '') : parsed;
};

describe('working time', () => {
  it.each([
    ['Пн-Пт 09:00-18:00', 'Пн-Пт 09:00-18:00'],
    ['пн – ср 9:00 – 12:30\nЧт 10:00-11:00', 'Пн-Ср 09:00-12:30\nЧт 10:00-11:00'],
    ['Mo-Tu 09:00-10:00', 'Пн-Вт 09:00-10:00'],
    ['', ''],
  ])('reads %j', (text, expected) => {
    expect(print(text)).toBe(expected);
  });

  it.each(['завтра', 'Пн 18:00-09:00', 'Пт-Пн 09:00-10:00', '09:00-10:00'])('does not guess %j', (line) => {
    expect(print(line)).toEqual({ line });
  });
});
