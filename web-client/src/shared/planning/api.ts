// Planning over HTTP, as the pages use it.
import { request } from '../net/http';
import type { Form } from '../wire.gen';

export type Finding = {
  code: string;
  params: Record<string, unknown>;
  /** Keeps the date out of the plan; else it is a remark. */
  refused: boolean;
  overridable: boolean;
  order_no?: string;
};

export type CheckedDate = {
  id?: string;
  slot_key: string;
  date?: string;
  start?: string;
  end?: string;
  findings: Finding[];
};

export type Recurrence =
  | { type: 'once'; date: string }
  | { type: 'weekly'; weekdays: number[]; parity: 'odd' | 'even' | null; span: { from: string; to: string } }
  | { type: 'window'; span: { from: string; to: string } };

export type At = { type: 'period'; value: number } | { type: 'start'; value: string };

export type Source = { kind: 'note' | 'request' | 'performance'; ref_id?: string; text?: string };

export type Slot = {
  key: string;
  recurrence: Recurrence;
  at: At | null;
  minutes: number | null;
  form: Form | 'assignment' | 'workshop' | 'glossary' | 'forum';
  medium: 'video' | 'audio' | 'chat' | null;
  kind: 'current' | 'assessment_prep';
  coverage: 'overview' | 'topics';
  parts: string[];
  topics: string[];
  audience: { students: boolean; guardians: boolean };
  host: string;
  student: string | null;
  sources?: Source[];
  purpose?: string;
};

export type CardContent = {
  title: string;
  programme: string | null;
  group: string;
  teacher: string;
  materials: string[];
  homework: { text: string; due: string | null; est_minutes?: number } | null;
  note: string | null;
  feedback_channel?: string | null;
  allow_in_break: boolean;
  slots: Slot[];
};

export type CardBody = { subject: string | null; content: CardContent };

export type CardRow = {
  id: string;
  key: string;
  title: string;
  version: number;
  status: 'draft' | 'published' | 'withdrawn' | 'superseded';
  class?: string;
  group?: string;
  subject?: string;
  teacher: string;
  has_draft: boolean;
  planned: number;
  can: ('edit' | 'publish')[];
};

export type CardPage = {
  card: CardRow;
  draft?: { revision: number; edited_at: string; agreed: boolean; body: CardBody };
  versions: {
    version: number;
    status: CardRow['status'];
    published_by?: string;
    published_at?: string;
    withdrawn_reason?: string;
    body: CardBody;
  }[];
};

export type CardOptions = {
  groups: { id: string; class: string; name: string; grade: number }[];
  subjects: { id: string; name: string }[];
  hosts: { id: string; name: string }[];
  programmes: {
    subject: string;
    grade: number;
    parts: { title: string; completed: boolean; topics: string[] }[];
  }[];
  periods: { n: number; starts: string; ends: string }[];
};

const revision = (n: number) => ({ 'if-match': `"${n}"` });
const card = (id: string) => `/api/v1/cards/${encodeURIComponent(id)}`;

export const fetchCards = () => request<{ items: CardRow[] }>('GET', '/api/v1/cards');
export const fetchCard = (id: string) => request<CardPage>('GET', card(id));
export const fetchCardOptions = () => request<CardOptions>('GET', '/api/v1/card-options');
export const newCard = (body: CardBody, key?: string) => request<CardPage>('POST', '/api/v1/cards', { key, body });
export const saveDraft = (id: string, rev: number, body: CardBody) =>
  request<CardPage>('PUT', `${card(id)}/draft`, { body }, revision(rev));
export const dropDraft = (id: string, rev: number) =>
  request<void>('DELETE', `${card(id)}/draft`, undefined, revision(rev));
export const checkCard = (id: string | undefined, body: CardBody) =>
  request<{ dates: CheckedDate[]; refused: number }>('POST', '/api/v1/cards/check', { card: id, body });
export const publishCard = (id: string, rev: number) =>
  request<{ version: number; planned: number; moved: number; removed: number }>(
    'POST',
    `${card(id)}/publish`,
    undefined,
    revision(rev),
  );
export const agreeToCard = (id: string, rev: number) =>
  request<CardPage>('POST', `${card(id)}/agree`, undefined, revision(rev));
export const withdrawCard = (id: string, reason: string) =>
  request<CardPage>('POST', `${card(id)}/withdraw`, { reason });

export type Order = {
  id: string;
  consultation: string;
  title?: string;
  class?: string;
  start?: string;
  code: string;
  host: string;
  granted_by: string;
  order_no: string;
  reason: string;
  created_at: string;
};

export const fetchOrders = () => request<{ items: Order[] }>('GET', '/api/v1/overrides');
export const grantOrder = (order: {
  consultation: string;
  code: string;
  host: string;
  order_no: string;
  reason: string;
}) => request<void>('POST', '/api/v1/overrides', order);

export type HostLoad = {
  person: string;
  display_name: string;
  kind: 'teaching' | 'working_time';
  week_limit?: number;
  month_limit?: number;
  year_limit?: number;
  planned: number;
  held: number;
  ahead: number;
  cancelled: number;
  not_held: number;
  given_away: number;
  taken_over: number;
  consultations: number;
};

export type LoadRow = {
  consultation: string;
  date: string;
  start: string;
  title: string;
  class?: string;
  state: 'planned' | 'open' | 'live' | 'held' | 'not_held' | 'cancelled';
  detail?: string;
  planned: number;
  held?: number;
  entry?: string;
  minutes?: number;
  corrected: boolean;
  share: 'own' | 'given_away' | 'taken_over';
};

export const fetchLoad = (from: string, to: string) =>
  request<{ from: string; to: string; items: HostLoad[] }>('GET', `/api/v1/load?from=${from}&to=${to}`);
export const fetchLoadRows = (person: string, from: string, to: string) =>
  request<{ items: LoadRow[] }>('GET', `/api/v1/load/rows?from=${from}&to=${to}&person=${encodeURIComponent(person)}`);
export const correctLoad = (entry: string, minutes: number, reason: string) =>
  request<void>('POST', '/api/v1/load/corrections', { entry, minutes, reason });

export type Contract = {
  id: string;
  person: string;
  position: string;
  kind: 'teaching' | 'non_teaching';
  contract_no?: string;
  from?: string;
  to?: string;
  consultation_hours_week?: number;
  consultation_hours_month?: number;
  consultation_hours_year?: number;
  teaching_hours_week?: number;
  windows: { weekday: number; starts: string; ends: string }[];
  absences: { id: string; from: string; to: string; kind: string }[];
};

export const fetchContracts = () => request<{ items: Contract[] }>('GET', '/api/v1/contracts');
export const putContract = (contract: Contract) =>
  request<{ items: Contract[] }>('PUT', '/api/v1/contracts', { ...contract, absences: [] });
export const addAbsence = (absence: { person: string; from: string; to: string; kind: string }) =>
  request<void>('POST', '/api/v1/absences', absence);
export const dropAbsence = (id: string) => request<void>('DELETE', `/api/v1/absences?id=${encodeURIComponent(id)}`);

export type Candidate = { id: string; display_name: string; findings: Finding[]; free: boolean };

const lesson = (id: string) => `/api/v1/consultations/${encodeURIComponent(id)}`;
export const fetchSubstitutes = (id: string) => request<{ items: Candidate[] }>('GET', `${lesson(id)}/substitutes`);
export const substitute = (id: string, to: string | null, reason: string) =>
  request<unknown>('POST', `${lesson(id)}/substitute`, { to, reason });
export const moveLesson = (id: string, date: string, start: string, reason: string) =>
  request<unknown>('POST', `${lesson(id)}/move`, { date, start, reason });
export const cancelLesson = (id: string, reason: string) =>
  request<unknown>('POST', `${lesson(id)}/cancel`, { reason });

export type Part = {
  id: string;
  title: string;
  starts_on: string;
  ends_on: string;
  completed_on?: string;
  completed_by?: string;
  topics: string[];
};

export type Programme = {
  id: string;
  subject_id: string;
  subject: string;
  grade: number;
  year: string;
  starts_on: string;
  ends_on: string;
  parts: Part[];
  editable: boolean;
};

export type PartBody = {
  title: string;
  starts_on: string;
  ends_on: string;
  topics: string[];
  /** Topics that get another title, from the present one. */
  renamed?: Record<string, string>;
};

export type ProgrammeBody = {
  subject: string;
  grade: number;
  starts_on: string;
  ends_on: string;
  rename_subject?: boolean;
};

/** What a programme can be made of. */
export type NewChoices = {
  subjects: string[];
  years: { id: string; name: string; starts_on: string; ends_on: string }[];
  whole_school: boolean;
};

const programmes = '/api/v1/programmes';
const programmeAt = (id: string) => `${programmes}/${encodeURIComponent(id)}`;
const partAt = (id: string) => `/api/v1/parts/${encodeURIComponent(id)}`;

export const fetchProgrammes = () =>
  request<{ items: Programme[]; today: string; new?: NewChoices }>('GET', programmes);
export const newProgramme = (body: ProgrammeBody & { year: string }) => request<Programme>('POST', programmes, body);
export const putProgramme = (id: string, body: ProgrammeBody) => request<Programme>('PUT', programmeAt(id), body);
export const dropProgramme = (id: string) => request<void>('DELETE', programmeAt(id));
/** A planned date that stands against a rule by an edit of a part. */
export type AgainstDate = {
  id: string;
  title: string;
  class?: string;
  host: string;
  start: string;
  findings: Finding[];
};
export type PartEdited = Programme & {
  dry_run: boolean;
  against: AgainstDate[];
  against_count: number;
  cleared: number;
};
const tried = (dryRun: boolean) => (dryRun ? '?dry_run=true' : '');
export const completePart = (id: string, on: string | null, reason = '', dryRun = false) =>
  request<PartEdited>('POST', `${partAt(id)}/complete${tried(dryRun)}`, { on, reason });
export const putPart = (id: string, body: PartBody, dryRun = false) =>
  request<PartEdited>('PUT', `${partAt(id)}${tried(dryRun)}`, body);
export const newPart = (programme: string, body: PartBody) =>
  request<Programme>('POST', `${programmeAt(programme)}/parts`, body);
export const dropPart = (id: string) => request<Programme>('DELETE', partAt(id));

export type DayKind = 'school' | 'holiday' | 'break' | 'moved';

export type Calendar = {
  tz: string;
  days_a_week: number;
  odd_monday: string;
  parity_skips_breaks: boolean;
  years: {
    id: string;
    name: string;
    from: string;
    to: string;
    terms: { kind: string; title: string; from: string; to: string }[];
  }[];
  days: {
    date: string;
    kind: DayKind;
    use_weekday?: number;
    bells?: string;
    week?: 'odd' | 'even';
    title?: string;
  }[];
  bells: { id: string; name: string; shift: number; periods: { n: number; starts: string; ends: string }[] }[];
  usual_bells: string | null;
  grade_weeks: { grade: number; days_a_week: number }[];
  grade_days: { grade: number; date: string; kind: DayKind; title?: string }[];
  classes: { id: string; name: string; shift: number }[];
};

export type CalendarPage = { version: number; today: string; parity: 'odd' | 'even'; calendar: Calendar };

export type MovedLesson = { id: string; title: string; class?: string; host: string; from?: string; to?: string };
/** Stands against a rule at its new time: it is not planned. */
export type RefusedLesson = MovedLesson & { codes: string[] };
export type CalendarChange = {
  dry_run: boolean;
  version: number;
  moved: MovedLesson[];
  planned: MovedLesson[];
  removed: MovedLesson[];
  refused: RefusedLesson[];
  /** Booked appointments that hosts take back. */
  taken_back: number;
  people: number;
  collisions: [string, string][];
};

export const fetchCalendar = () => request<CalendarPage>('GET', '/api/v1/calendar');
export const putCalendar = (version: number, calendar: Calendar, dryRun: boolean) =>
  request<CalendarChange>('PUT', `/api/v1/calendar?dry_run=${dryRun}`, calendar, revision(version));
