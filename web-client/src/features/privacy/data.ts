// Consents, one's data, erasure.
import { request } from '../../shared/net/http';

export type Standing = 'given' | 'partly' | 'outdated' | 'withdrawn' | 'expired' | 'none';
export type Consent = {
  purpose: string;
  text: { id: string; version: number; title: string; body: string; sha256: string; in_force_from: string };
  standing: Standing;
  may_sign: boolean;
  mine?: 'given' | 'withdrawn';
  mine_at?: string;
  needs_own: boolean;
  needs_guardian: boolean;
};
export type PersonConsents = { person: string; display_name: string; is_own: boolean; items: Consent[] };
export type Consents = { people: PersonConsents[]; may_edit: boolean };

export type ErasureState = 'requested' | 'approved' | 'confirmed' | 'declined' | 'done';
export type Erasure = {
  id: string;
  person: string;
  person_name: string;
  asked_by_name: string;
  reason: string;
  state: ErasureState;
  asked_at: string;
  declined_reason?: string;
  act_number?: string;
};
export type Erasures = {
  items: Erasure[];
  may_approve: boolean;
  may_confirm: boolean;
  may_execute: boolean;
  may_hold: boolean;
};

const erasure = (id: string, step: string) => `/api/v1/privacy/erasures/${encodeURIComponent(id)}/${step}`;

export const fetchConsents = () => request<Consents>('GET', '/api/v1/consents');
export const signConsent = (person: string, purpose: string, text: string) =>
  request<void>('POST', '/api/v1/consents', { person, purpose, text });
export const withdrawConsent = (person: string, purpose: string, text: string) =>
  request<void>('POST', '/api/v1/consents/withdraw', { person, purpose, text });
export const fetchErasures = () => request<Erasures>('GET', '/api/v1/privacy/erasures');
export const askErasure = (person: string, reason: string) =>
  request<{ id: string }>('POST', '/api/v1/privacy/erasures', { person, reason });
export const stepErasure = (id: string, step: 'approve' | 'confirm' | 'execute') =>
  request<unknown>('POST', erasure(id, step));
export const declineErasure = (id: string, reason: string) => request<void>('POST', erasure(id, 'decline'), { reason });

export type Hold = {
  id: string;
  person_name: string;
  reason: string;
  placed_by_name: string;
  placed_at: string;
  /** Absent while it is in force. */
  lifted_at?: string;
  lifted_by_name?: string;
  lifted_reason?: string;
};

export const fetchHolds = () => request<{ items: Hold[] }>('GET', '/api/v1/privacy/holds');
export const placeHold = (code: string, reason: string) =>
  request<{ id: string }>('POST', '/api/v1/privacy/holds', { code, reason });
export const liftHold = (id: string, reason: string) =>
  request<void>('POST', `/api/v1/privacy/holds/${encodeURIComponent(id)}/lift`, { reason });

export type SignIn = { seq: number; at: string; action: string };
export const fetchSignIns = () => request<{ items: SignIn[] }>('GET', '/api/v1/me/sign-ins');
