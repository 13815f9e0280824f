// What an action of the journal is called. The hub may know more of them than this client: those keep their code.
import { journalTexts } from './texts';

/** Beginnings that the filter offers, in its order. */
export const GROUPS = [
  'session.',
  'account.',
  'role.',
  'user.',
  'unit.',
  'card.',
  'consultation.',
  'appointment.',
  'request.',
  'programme.',
  'part.',
  'override.',
  'import.',
  'consent.',
  'erasure.',
] as const;

type Word = Extract<keyof typeof journalTexts.russian, `a_${string}`>;

export function wordOf(action: string): Word | undefined {
  const key = `a_${action.replace('.', '_')}`;
  return key in journalTexts.russian ? (key as Word) : undefined;
}
