// Individual help over HTTP, as these pages use it.
import { KafedraError } from '../../shared/errors';
import { problemOf, request } from '../../shared/net/http';

export type Ref = { id: string; display_name: string };
export type Named = { id: string; name: string };
export type FileInfo = { id: string; name: string; size_bytes: number; url: string };
export type RequestState =
  | 'submitted'
  | 'accepted'
  | 'scheduled'
  | 'answered'
  | 'reopened'
  | 'closed'
  | 'declined'
  | 'withdrawn';
export type Act =
  | 'accept'
  | 'answer'
  | 'assign'
  | 'decline'
  | 'schedule'
  | 'withdraw'
  | 'reopen'
  | 'close'
  | 'vote'
  | 'attach';

export type HelpRequest = {
  id: string;
  subject: Named;
  topic: Named | null;
  class: string | null;
  group: string;
  text: string;
  wish_form: string | null;
  wish_times: string | null;
  state: RequestState;
  sla: 'met' | 'fine' | 'soon' | 'late';
  first_response_due: string;
  help_due: string;
  created_at: string;
  votes: number;
  voted: string[];
  student: Ref | null;
  author: Ref | null;
  answer: string | null;
  answered_by: string | null;
  decline: 'not_programme' | 'duplicate' | 'out_of_right' | 'other' | null;
  decline_text: string | null;
  consultation: { id: string; title: string; start: string; form: string } | null;
  /** The consultation about it was held, and who asked was not there. */
  is_missed: boolean;
  may: Act[];
  steps: { at: string; to: RequestState; by: string | null; reason: string | null }[];
  files: FileInfo[];
};

export type Choices = {
  students: {
    id: string;
    display_name: string;
    class: string;
    subjects: { id: string; name: string; topics: { id: string; title: string; part: string }[] }[];
  }[];
};

export type Ranked = {
  class: string;
  subject: string;
  students: number;
  topics: {
    id: string;
    title: string;
    part: string;
    part_id: string;
    score: number;
    reasons: { kind: string; value: number; of: number | null; points: number }[];
    below_three: number;
  }[];
  parts: { id: string; title: string }[];
  requests: { id: string; topic: string | null; text: string; votes: number; state: string }[];
  findings: { student: string; student_name: string; rule: string; value: number }[];
  planned: { id: string; title: string; start: string; form: string; coverage: 'overview' | 'topics' }[];
};

export type Teaching = { items: TeachingItem[] };
export type TeachingItem = {
  group: string;
  class: string;
  group_name: string;
  subject: string;
  subject_name: string;
  has_programme: boolean;
};

export type Place = { student: Ref; position: number; message: string | null };
export type Hours = {
  id: string;
  title: string;
  subject: string | null;
  class: string | null;
  host: Ref;
  start: string;
  end: string;
  state: 'planned' | 'open' | 'live';
  is_host: boolean;
  times: {
    id: string;
    starts: string;
    ends: string;
    state: string;
    can_book: boolean;
    student: Ref | null;
    message: string | null;
  }[];
  waiting: Place[];
  waiting_count: number;
  queue: Place[];
  queue_count: number;
};
export type HoursList = {
  items: Hours[];
  rules: { closes_minutes: number; guard_minutes: number; most_with_host: number; most_in_all: number };
};
export type Appointment = {
  id: string;
  consultation: string;
  title: string;
  subject: string | null;
  class: string | null;
  host: Ref;
  starts: string;
  ends: string;
  state: 'booked' | 'attended' | 'no_show' | 'cancelled_by_recipient' | 'cancelled_by_host';
  student: Ref | null;
  message: string | null;
  reason: string | null;
  note_shared: string | null;
  note_private: string | null;
  is_host: boolean;
  can_cancel: boolean;
  files: FileInfo[];
};

export type Child = {
  id: string;
  display_name: string;
  class: string;
  rights: string[];
  next: { id: string; title: string; subject: string | null; form: string; start: string; host: Ref }[];
  open_requests: number;
  answered_requests: number;
  appointments: { id: string; title: string; starts: string; host: Ref }[];
  waiting: number;
  attended: number;
  invited: number;
  findings: number;
};

export type Link = {
  id: string;
  guardian: Ref;
  student: Ref;
  class: string | null;
  relation: string;
  state: 'proposed' | 'confirmed' | 'ended';
  reason: 'age18' | 'court' | 'school' | 'error' | null;
  adult_on: string | null;
  rights: { right: Right; granted: boolean; from: string | null; to: string | null }[];
  may: ('confirm' | 'end' | 'rights' | 'grant' | 'take_back')[];
};
export type Right = 'view' | 'book' | 'attend' | 'message' | 'consent';

export type Due = { items: { id: string; title: string; subject: string | null; start: string; host: Ref }[] };
export type OwnFeedback = {
  can_give: boolean;
  own: { score: number; helped: boolean; text: string | null } | null;
  enough: number;
};
export type HostFeedback = {
  summary: { count: number; mean: number; helped: number } | null;
  texts: string[];
  enough: number;
};
export type Complaint = {
  id: string;
  title: string;
  start: string;
  host: Ref;
  author: Ref | null;
  kind: 'untimely' | 'poor' | 'unlawful';
  text: string;
  state: 'open' | 'answered' | 'closed';
  answers: { by: Ref; text: string; at: string }[];
  decision: string | null;
  may: ('answer' | 'close')[];
};

const v1 = '/api/v1';
export const get = <T>(path: string) => request<T>('GET', v1 + path);
export const post = <T = unknown>(path: string, body: unknown = {}) => request<T>('POST', v1 + path, body);
export const put = <T = unknown>(path: string, body: unknown) => request<T>('PUT', v1 + path, body);
export const remove = <T = unknown>(path: string, body?: unknown) => request<T>('DELETE', v1 + path, body);

/** A file as it is, with its name beside it. */
export async function upload<T>(path: string, file: Blob, type: string): Promise<T> {
  let response: Response;
  try {
    response = await fetch(v1 + path, {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'content-type': type },
      body: file,
    });
  } catch (cause) {
    throw new KafedraError({ code: 'offline' }, { cause });
  }
  if (!response.ok) throw await problemOf(response);
  return (await response.json()) as T;
}
