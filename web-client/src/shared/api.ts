// The hub's HTTP interface as the pages use it.
import { request } from './net/http';
import type { Form } from './wire.gen';

export type SchoolRole = 'teacher' | 'student' | 'guardian' | 'deputy_head' | 'unit_head' | 'staff' | 'head' | 'admin';

export type Ward = { id: string; display_name: string; class?: string };

export type Me = {
  person: { id: string; code: string; display_name: string };
  roles: { role: SchoolRole; unit?: string }[];
  school: { name: string; short_name: string; tz: string; locale: string };
  /** Codes of actions that the person's roles allow at all (the policy's table). */
  actions: string[];
  wards: Ward[];
  server_time_ms: number;
  demo: boolean;
  /** Somebody else chose the password: nothing but choosing another is open. */
  password_change_required: boolean;
};

export type ConsultationState = 'planned' | 'open' | 'live' | 'held' | 'not_held' | 'cancelled';

export type Consultation = {
  id: string;
  form: Form;
  state: ConsultationState;
  not_held_reason?: string;
  /** What kind of technical failure ended it, and what the one who closed it wrote. */
  incident?: 'fault' | 'emergency' | 'host_lost' | 'server_down' | 'corrected';
  close_reason?: string;
  /** The caller may close it at once. */
  may_close: boolean;
  /** RFC 3339, UTC. */
  start: string;
  end: string;
  opens_at: string;
  closes_at: string;
  room: string;
  title: string;
  subject?: string;
  class?: string;
  group?: string;
  host: { id: string; display_name: string };
  kind: 'current' | 'assessment_prep';
  coverage?: 'overview' | 'topics';
  topics: string[];
  parts: string[];
  audience: { students: boolean; guardians: boolean };
  materials: string[];
  homework?: string;
  note?: string;
  card_key: string;
  role: 'host' | 'recipient' | 'guardian' | 'observer' | 'none';
  /** The caller's children whom it concerns. */
  wards: string[];
  warnings: string[];
};

export type Timetable = { items: Consultation[]; server_time_ms: number };

/** What may be known before sign-in. */
export type PublicInfo = {
  school_name: string;
  demo: boolean;
  logins?: { code: string; role: SchoolRole; name: string }[];
};

export const signIn = (login: string, password: string) => request<Me>('POST', '/api/v1/session', { login, password });
export const signOut = () => request<void>('DELETE', '/api/v1/session');
export const changePassword = (oldPassword: string, newPassword: string) =>
  request<void>('POST', '/api/v1/me/password', { old_password: oldPassword, new_password: newPassword });
export const fetchMe = () => request<Me>('GET', '/api/v1/me');
export const fetchPublicInfo = () => request<PublicInfo>('GET', '/api/v1/public');
export const fetchTimetable = (from: string, to: string) =>
  request<Timetable>('GET', `/api/v1/timetable?from=${from}&to=${to}`);
export const fetchConsultation = (id: string) =>
  request<Consultation>('GET', `/api/v1/consultations/${encodeURIComponent(id)}`);
