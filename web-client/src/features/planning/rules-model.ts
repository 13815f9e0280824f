// What planning is held against, as the hub gives it: acts, norms, hours, and how strictly rules are meant.
import { problemOf, request } from '../../shared/net/http';

export type Mode = 'enforce' | 'warn' | 'off';
export const MODES: readonly Mode[] = ['enforce', 'warn', 'off'];

/** Days on which a row is in force, as YYYY-MM-DD; undefined: no end on that side. */
type Dated = { valid_from?: string; valid_to?: string };

/** By which protocol an opinion was heeded. */
export type Opinion = { title: string; number: string; dated: string };
export type ActFile = { id: string; name: string; size_bytes: number; url: string };
export type Act = Dated & {
  id: string;
  number: string;
  dated: string;
  title: string;
  basis: string;
  opinions: Opinion[];
  file?: ActFile;
};
export type NewAct = Omit<Act, 'id' | 'file'> & { file?: string };
export type Row = Dated & {
  id: string;
  code: string;
  grade_from: number;
  grade_to: number;
  source: string;
  mode: Mode;
};
export type Norm = Row & { per_lesson: number; per_day_home?: number };
export type Hours = Row & { earliest: string; latest: string };
export type Rule = { rule: string; mode: Mode };

/** Whether a host to whom nobody came is counted the time. */
export type LoadPolicy = { count: 'never' } | { count: 'waited'; minutes: number };

export type Text = { purpose: string; title: string; body: string };

/** A change as its own route takes it. */
export type Change =
  | { kind: 'act'; row: Act }
  | { kind: 'norm'; row: Norm }
  | { kind: 'hours'; row: Hours }
  | { kind: 'mode'; row: Rule }
  | { kind: 'text'; row: Text }
  | { kind: 'load'; row: LoadPolicy };
export type Decision = 'confirm' | 'decline' | 'withdraw';
export type Proposal = {
  id: string;
  change: Change;
  /** What stood in its place; missing: nothing did. */
  was?: Change;
  state: 'proposed' | 'confirmed' | 'declined' | 'withdrawn';
  /** What it would replace has changed since: it can no longer be confirmed. */
  is_stale: boolean;
  proposed_by: string;
  proposed_at: string;
  decided_by?: string;
  decided_at?: string;
  reason?: string;
  may: Decision[];
};
/** `decides`: what this person changes is in force at once, and others' proposals wait for their word. */
export type Proposals = { decides: boolean; items: Proposal[] };

export const fetchProposals = () => request<Proposals>('GET', '/api/v1/rule-proposals');
export const decide = (id: string, decision: Decision, reason = '') =>
  request<void>('POST', `/api/v1/rule-proposals/${id}/decide`, { decision, reason });

export type TextInForce = {
  purpose: string;
  text: { version: number; title: string; body: string; in_force_from: string };
};
/** The consents' texts in force: everybody is shown each beside their own signature. */
export const fetchTexts = async (): Promise<TextInForce[]> => {
  const { people } = await request<{ people: { is_own: boolean; items: TextInForce[] }[] }>('GET', '/api/v1/consents');
  return people.find((person) => person.is_own)?.items ?? [];
};
export const addText = (text: Text) => request<void>('POST', '/api/v1/consent-texts', text);

export const fetchActs = () => request<{ items: Act[] }>('GET', '/api/v1/local-acts');
export const addAct = (act: NewAct) => request<void>('POST', '/api/v1/local-acts', act);
/** The file of an act that is about to be written. */
export async function bringActFile(file: File): Promise<ActFile> {
  const answer = await fetch(`/api/v1/local-acts/files?name=${encodeURIComponent(file.name)}`, {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'content-type': 'application/octet-stream' },
    body: file,
  });
  if (!answer.ok) throw await problemOf(answer);
  return (await answer.json()) as ActFile;
}
export const fetchNorms = () => request<{ items: Norm[] }>('GET', '/api/v1/norms');
export const putNorm = (norm: Norm) => request<void>('PUT', '/api/v1/norms', norm);
export const fetchHours = () => request<{ items: Hours[] }>('GET', '/api/v1/hours-norms');
export const putHours = (hours: Hours) => request<void>('PUT', '/api/v1/hours-norms', hours);
export const fetchRules = () => request<{ items: Rule[] }>('GET', '/api/v1/planning-rules');
export const putRule = (rule: Rule) => request<void>('PUT', '/api/v1/planning-rules', rule);
export const fetchLoadPolicy = () => request<LoadPolicy>('GET', '/api/v1/load-policy');
export const putLoadPolicy = (policy: LoadPolicy) => request<void>('PUT', '/api/v1/load-policy', policy);

/** Whether a row counts on a day. Days are compared as text, which is the order of the calendar. */
export function isInForce(row: Dated, day: string): boolean {
  return (!row.valid_from || row.valid_from <= day) && (!row.valid_to || day <= row.valid_to);
}

/** Without the fields that stand empty: the hub reads an absent field as no end. */
export function withoutEmpty<Body extends object>(body: Body): Body {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== '' && value !== undefined)) as Body;
}

/** Fields of a change in which it differs from what stood there, each with both values; all of them where nothing did. */
export function differences({ change, was }: Pick<Proposal, 'change' | 'was'>): [string, unknown, unknown][] {
  const next = change.row as Record<string, unknown>;
  const before = (was?.row ?? {}) as Record<string, unknown>;
  const names = [...new Set([...Object.keys(before), ...Object.keys(next)])];
  return names
    .filter((name) => !['id', 'rule', 'purpose'].includes(name) && before[name] !== next[name])
    .map((name) => [name, before[name], next[name]]);
}
