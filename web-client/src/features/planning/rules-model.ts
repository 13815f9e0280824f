// What planning is held against, as the hub gives it: acts, norms, hours, and how strictly rules are meant.
import { request } from '../../shared/net/http';

export type Mode = 'enforce' | 'warn' | 'off';
export const MODES: readonly Mode[] = ['enforce', 'warn', 'off'];

/** Days on which a row is in force, as YYYY-MM-DD; undefined: no end on that side. */
type Dated = { valid_from?: string; valid_to?: string };

export type Act = Dated & { id: string; number: string; dated: string; title: string; basis: string };
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

export const fetchActs = () => request<{ items: Act[] }>('GET', '/api/v1/local-acts');
export const addAct = (act: Act) => request<void>('POST', '/api/v1/local-acts', act);
export const fetchNorms = () => request<{ items: Norm[] }>('GET', '/api/v1/norms');
export const putNorm = (norm: Norm) => request<void>('PUT', '/api/v1/norms', norm);
export const fetchHours = () => request<{ items: Hours[] }>('GET', '/api/v1/hours-norms');
export const putHours = (hours: Hours) => request<void>('PUT', '/api/v1/hours-norms', hours);
export const fetchRules = () => request<{ items: Rule[] }>('GET', '/api/v1/planning-rules');
export const putRule = (rule: Rule) => request<void>('PUT', '/api/v1/planning-rules', rule);

/** Whether a row counts on a day. Days are compared as text, which is the order of the calendar. */
export function isInForce(row: Dated, day: string): boolean {
  return (!row.valid_from || row.valid_from <= day) && (!row.valid_to || day <= row.valid_to);
}

/** Without the fields that stand empty: the hub reads an absent field as no end. */
export function withoutEmpty<Body extends object>(body: Body): Body {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== '' && value !== undefined)) as Body;
}
