// The journal over HTTP.
import { request } from '../../shared/net/http';

export type JournalEvent = {
  seq: number;
  at: string;
  actor?: string;
  role?: 'student' | 'guardian' | 'teacher' | 'deputy_head' | 'unit_head' | 'staff' | 'head' | 'admin';
  from?: 'console' | 'hub' | 'school' | 'outside';
  action: string;
  object_kind: string;
  object_id: string;
  object?: string;
  reason?: string;
  detail?: unknown;
  hash: string;
};
export type Head = { seq: number; hash: string };
export type JournalPage = {
  items: JournalEvent[];
  before?: number;
  head?: Head;
  wide: boolean;
  may_verify: boolean;
};
export type Verified = {
  intact: boolean;
  rows: number;
  head?: Head;
  broken?: { seq: number; fault: 'gap' | 'unlinked' | 'changed' };
  at: string;
};
export type Filter = { person: string; action: string; from: string; to: string };

export function fetchJournal(filter: Filter, before?: number) {
  const query = new URLSearchParams(filter);
  if (before !== undefined) query.set('before', String(before));
  return request<JournalPage>('GET', `/api/v1/journal?${query}`);
}
export const verifyJournal = () => request<Verified>('GET', '/api/v1/journal/verify');
