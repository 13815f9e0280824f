// What a failed sign-in means, and how the demo's people are laid out.
import type { PublicInfo, SchoolRole } from '../../shared/api';
import { type Refusal, refusalOf } from '../../shared/errors';

/** The demo's one password; the hub prints it at its start too. */
export const DEMO_PASSWORD = 'kafedra-demo';

/** The hub answers a wrong pair like any missing session; on this page it means the pair. */
export function signInRefusal(error: unknown): Refusal {
  const refusal = refusalOf(error);
  if (refusal.code === 'not_authenticated' || refusal.code === 'session_expired')
    return { ...refusal, code: 'wrong_credentials' };
  return refusal;
}

type Login = NonNullable<PublicInfo['logins']>[number];
const ORDER: readonly SchoolRole[] = [
  'teacher',
  'student',
  'guardian',
  'deputy_head',
  'head',
  'unit_head',
  'staff',
  'admin',
];

/** Roles in the order in which visitors try them, at most `perRole` people each. */
export function demoGroups(logins: readonly Login[], perRole = 4): { role: SchoolRole; logins: Login[] }[] {
  return ORDER.map((role) => ({
    role,
    logins: logins.filter((login) => login.role === role).slice(0, perRole),
  })).filter((group) => group.logins.length > 0);
}
