import { describe, expect, it, vi } from 'vitest';
import { ERROR_CODES } from '../errors';
import { commonTexts, errorTexts } from './common';
import { formatCountdown, formatDuration } from './format';
import { type Dictionary, defineTexts, loadEnglish, type Texts, translate } from './texts';

const modules = import.meta.glob<Record<string, unknown>>(['../../features/**/texts.ts', '../../app/texts.ts'], {
  eager: true,
});

function isTexts(value: unknown): value is Texts<Dictionary> {
  return typeof value === 'object' && value !== null && 'russian' in value && 'load' in value;
}

const all = [
  ...Object.entries(modules).flatMap(([file, module]) =>
    Object.values(module)
      .filter(isTexts)
      .map((texts) => [file, texts] as const),
  ),
  ['common', commonTexts as unknown as Texts<Dictionary>] as const,
  ['errors', errorTexts as unknown as Texts<Dictionary>] as const,
];

const placeholders = (entry: unknown): string[] =>
  [...new Set([...JSON.stringify(entry).matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? ''))].sort();

describe('texts', () => {
  it.each(all)('%s says the same in both languages', async (_file, texts) => {
    await texts.load();
    const english = texts.english as Dictionary;
    expect(Object.keys(english).sort()).toEqual(Object.keys(texts.russian).sort());
    for (const [key, entry] of Object.entries(texts.russian)) {
      expect(placeholders(english[key]), key).toEqual(placeholders(entry));
      expect(JSON.stringify(english[key]), key).not.toMatch(/""/);
    }
  });

  it.each(all)('%s has all plural forms of Russian', (_file, texts) => {
    for (const [key, entry] of Object.entries(texts.russian)) {
      if (typeof entry === 'string') continue;
      expect(Object.keys(entry).sort(), key).toEqual(['few', 'many', 'one', 'other']);
    }
  });

  it('has words for every refusal', async () => {
    await errorTexts.load();
    for (const code of ERROR_CODES) {
      expect(errorTexts.russian[code], code).toBeTruthy();
      expect(errorTexts.english?.[code], code).toBeTruthy();
    }
  });
});

describe('translate', () => {
  const texts = defineTexts(
    {
      hands: { one: '{count} рука', few: '{count} руки', many: '{count} рук', other: '{count} руки' },
      hello: 'Здравствуйте, {name}!',
    },
    async () => ({ default: { hands: { one: '{count} hand', other: '{count} hands' }, hello: 'Hello, {name}!' } }),
  );
  it.each([
    [1, '1 рука'],
    [3, '3 руки'],
    [11, '11 рук'],
    [21, '21 рука'],
    [1.5, '1,5 руки'],
  ])('counts %s in Russian', (count, expected) => {
    expect(translate(texts.russian, 'ru', 'hands', { count })).toBe(expected);
  });
  it('fills names in, and never reads them as a pattern', () => {
    expect(translate(texts.russian, 'ru', 'hello', { name: '$& {name}' })).toBe('Здравствуйте, $& {name}!');
  });
});

describe('English that does not arrive', () => {
  it('leaves Russian, and comes with the next switch', async () => {
    let line = false;
    const texts = defineTexts({ hello: 'Здравствуйте' }, async () => {
      if (!line) throw new Error('offline');
      return { default: { hello: 'Hello' } };
    });
    await texts.load();
    expect(texts.english).toBeNull();
    line = true;
    await texts.load();
    expect(texts.english).toBeNull();
    await loadEnglish();
    expect(texts.english).toEqual({ hello: 'Hello' });
  });

  it('is not waited for without end', async () => {
    vi.useFakeTimers();
    const texts = defineTexts({ hello: 'Здравствуйте' }, () => new Promise(() => {}));
    const loaded = texts.load();
    await vi.advanceTimersByTimeAsync(3_900);
    expect(texts.english).toBeUndefined();
    await vi.advanceTimersByTimeAsync(200);
    await loaded;
    expect(texts.english).toBeNull();
    vi.useRealTimers();
  });
});

describe('time in words', () => {
  it.each([
    [92_000, '1:32'],
    [91_001, '1:32'],
    [500, '0:01'],
    [0, '0:00'],
    [-5, '0:00'],
    [7_660_000, '2:07:40'],
  ])('counts %s ms down as %s', (ms, expected) => expect(formatCountdown(ms)).toBe(expected));
  it.each([
    [40_000, '40 с'],
    [25 * 60_000, '25 мин'],
    [65 * 60_000, '1 ч 5 мин'],
  ])('says that %s ms lasted %s', (ms, expected) => expect(formatDuration(ms, 'ru')).toBe(expected));
});
