// What can be said about a new password before the hub is asked, and what the hub's answer means on this form.
import { type Refusal, refusalOf } from '../../shared/errors';

export type PasswordFields = { old: string; fresh: string; again: string };
export type PasswordFault = { field: keyof PasswordFields; text: PasswordText };
export type PasswordText =
  | 'password_missing'
  | 'password_wrong'
  | 'password_too_short'
  | 'password_too_long'
  | 'password_too_common'
  | 'password_like_login'
  | 'password_same'
  | 'password_differs';

const SHORTEST = 8;

/** The first fault of the form; `undefined`: it may be sent. */
export function faultOf({ old, fresh, again }: PasswordFields): PasswordFault | undefined {
  if (!old) return { field: 'old', text: 'password_missing' };
  if (!fresh) return { field: 'fresh', text: 'password_missing' };
  // The hub counts characters, not UTF-16 units.
  if ([...fresh].length < SHORTEST) return { field: 'fresh', text: 'password_too_short' };
  if (fresh === old) return { field: 'fresh', text: 'password_same' };
  if (fresh !== again) return { field: 'again', text: 'password_differs' };
  return undefined;
}

const REASONS: Record<string, PasswordText> = {
  too_short: 'password_too_short',
  too_long: 'password_too_long',
  too_common: 'password_too_common',
  like_login: 'password_like_login',
  same: 'password_same',
};

/** What the hub's refusal says about one field, or the refusal itself when it is about none. */
export function refusedField(error: unknown): PasswordFault | Refusal {
  const refusal = refusalOf(error);
  if (refusal.code === 'wrong_password') return { field: 'old', text: 'password_wrong' };
  const text = REASONS[String(refusal.params?.reason)];
  if (refusal.code === 'password_weak' && text) return { field: 'fresh', text };
  return refusal;
}
