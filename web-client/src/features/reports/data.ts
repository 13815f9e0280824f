// Reports of clause 4.1 from the hub.
import { request } from '../../shared/net/http';

export type Metric = { code: string; value?: number; above: number; below: number; is_hidden: boolean };
export type HostRow = {
  id: string;
  name: string;
  planned: number;
  held: number;
  no_host: number;
  technical: number;
  late: number;
  hours_planned: number;
  hours_held: number;
  attendance?: number;
};
export type Week = { monday: string; held: number; not_held: number; cancelled: number; ahead: number };
/** A technical failure that ended a consultation. */
export type Incident = {
  consultation: string;
  title: string;
  class: string;
  host: string;
  at: string;
  kind: 'fault' | 'emergency' | 'host_lost' | 'server_down' | 'corrected';
  reason: string;
  by: string;
};
export type Report = {
  from: string;
  to: string;
  range: 'own' | 'unit' | 'school';
  metrics: Metric[];
  hosts: HostRow[];
  weeks: Week[];
  not_held: { code: string; count: number }[];
  purposes: { code: string; count: number }[];
  incidents: Incident[];
  choices: { hosts: { id: string; name: string }[]; classes: string[]; subjects: string[]; purposes: string[] };
  audit: { seq: number; hash: string; at: string };
};
export type Row = {
  kind: 'lesson' | 'request';
  id: string;
  above: number;
  below: number;
  at: string;
  title: string;
  class: string;
  host: string;
  state: string;
  host_delay_s?: number;
  violations: string[];
  is_corrected: boolean;
  /** Whom and what the row's shares are counted of. */
  behind: { name: string; code: string; value?: number; said?: string }[];
};
export type Rows = { metric: Metric; rows: Row[]; left_out: number };
export type Coverage = {
  rows: { subject: string; class: string; topic: string; held: string[]; ahead: string[]; requests: number }[];
  left_out: number;
};
export type Gaps = {
  weeks: number;
  places: number;
  rows: { subject: string; class: string; last_held?: string; next?: string }[];
};
export type Students = {
  rows: {
    id: string;
    name: string;
    class: string;
    invited: number;
    came: number;
    minutes: number;
    requests: number;
    helped: number;
    missed: number;
    never_came: boolean;
  }[];
  came: number;
  never_came: number;
  helped: number;
  missed: number;
  left_out: number;
};

export type Asked = { from?: string; to?: string; host?: string; class?: string; subject?: string; purpose?: string };

export function queryOf(asked: Asked & { metric?: string }): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(asked)) if (value) query.set(key, value);
  const text = query.toString();
  return text ? `?${text}` : '';
}

export const fetchReport = (asked: Asked) => request<Report>('GET', `/api/v1/reports/evidence${queryOf(asked)}`);
export const fetchRows = (asked: Asked, metric: string) =>
  request<Rows>('GET', `/api/v1/reports/evidence/rows${queryOf({ ...asked, metric })}`);
export const fetchCoverage = (asked: Asked) => request<Coverage>('GET', `/api/v1/reports/coverage${queryOf(asked)}`);
export const fetchStudents = (asked: Asked) => request<Students>('GET', `/api/v1/reports/students${queryOf(asked)}`);
export const fetchGaps = (weeks: number) => request<Gaps>('GET', `/api/v1/reports/gaps?weeks=${weeks}`);
