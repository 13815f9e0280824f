import { describe, expect, it } from 'vitest';
import { KafedraError } from '../../shared/errors';
import { faultOf, refusedField } from './password-model';

describe('the form of a new password', () => {
  const good = { old: 'kafedra-demo', fresh: 'три белых коня', again: 'три белых коня' };

  it.each([
    [{ ...good, old: '' }, 'old', 'password_missing'],
    [{ ...good, fresh: '' }, 'fresh', 'password_missing'],
    [{ ...good, fresh: '1234567' }, 'fresh', 'password_too_short'],
    // Seven characters in fourteen UTF-16 units.
    [{ ...good, fresh: '🐎🐎🐎🐎🐎🐎🐎' }, 'fresh', 'password_too_short'],
    [{ ...good, fresh: good.old, again: good.old }, 'fresh', 'password_same'],
    [{ ...good, again: 'три белых волка' }, 'again', 'password_differs'],
  ] as const)('names the first fault: %o', (fields, field, text) => {
    expect(faultOf(fields)).toEqual({ field, text });
  });

  it('may be sent when there is none', () => {
    expect(faultOf(good)).toBeUndefined();
  });
});

describe('the hub’s refusal', () => {
  it.each([
    [{ code: 'wrong_password' }, { field: 'old', text: 'password_wrong' }],
    [
      { code: 'password_weak', params: { reason: 'too_common' } },
      { field: 'fresh', text: 'password_too_common' },
    ],
    [
      { code: 'password_weak', params: { reason: 'like_login' } },
      { field: 'fresh', text: 'password_like_login' },
    ],
  ] as const)('goes to its field: %o', (refusal, fault) => {
    expect(refusedField(new KafedraError(refusal))).toEqual(fault);
  });

  it('stays what it is when it is about no field', () => {
    expect(refusedField(new KafedraError({ code: 'rate_limited', retryAfterMs: 2000 }))).toMatchObject({
      code: 'rate_limited',
    });
    const unknown = new KafedraError({ code: 'password_weak', params: { reason: 'invented' } });
    expect(refusedField(unknown)).toMatchObject({ code: 'password_weak' });
  });
});
