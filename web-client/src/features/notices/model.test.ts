import { expect, test } from 'vitest';
import { detailOf, keyOf, whyOf } from './model';
import russian from './texts.ru';

test('a notice says which lesson, when, and why', () => {
  const lesson = { id: 'c', title: 'Математика, 5А', start_ms: Date.UTC(2026, 10, 27, 8) };
  const text = detailOf({ kind: 'consultation_cancelled', lesson, reason: 'болезнь' }, 'ru');
  expect(text).toContain('Математика, 5А');
  expect(text).toContain('болезнь');
});

test('a reason of the hub is put into words, what somebody wrote stays as it is', () => {
  const why = (reason: string) => {
    const key = whyOf(reason, russian);
    return key ? russian[key] : reason;
  };
  const notice = { kind: 'consultation_fell_through', reason: 'technical', said: 'Пожарная тревога' };
  expect(detailOf(notice, 'ru', why)).toBe('технический сбой · Пожарная тревога');
  expect(detailOf({ kind: 'consultation_cancelled', reason: 'болезнь' }, 'ru', why)).toBe('болезнь');
});

test('an unknown kind still has words', () => {
  expect(keyOf('request_answered', russian)).toBe('kind_request_answered');
  expect(keyOf('from_the_future', russian)).toBe('kind_other');
});
