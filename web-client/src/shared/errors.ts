// Why something did not happen: one closed list of codes for HTTP problems, WebSocket refusals and the client's own troubles.
import type { RefusalCode } from './wire.gen';

/** What a person can do about it decides the category. */
export type Category = 'sign_in' | 'access' | 'time' | 'conflict' | 'input' | 'limit' | 'device' | 'technical';

const wireCodes: Record<RefusalCode, Category> = {
  not_authenticated: 'sign_in',
  session_expired: 'sign_in',
  no_role: 'access',
  role_not_permitted: 'access',
  not_on_roster: 'access',
  guardian_link_missing: 'access',
  guardian_link_ended: 'access',
  ward_is_adult: 'access',
  not_on_timetable: 'time',
  too_early: 'time',
  too_late: 'time',
  form_mismatch: 'conflict',
  illegal_transition: 'conflict',
  reason_required: 'input',
  host_absent: 'time',
  room_full: 'limit',
  removed_from_room: 'access',
  room_locked: 'access',
  slow_mode: 'limit',
  rate_limited: 'limit',
  bad_message: 'technical',
  out_of_order: 'technical',
  version_not_supported: 'technical',
  bad_offer: 'technical',
  not_found: 'access',
  storage_full: 'technical',
  unavailable: 'technical',
  internal: 'technical',
};

const httpCodes = {
  wrong_credentials: 'sign_in',
  wrong_password: 'input',
  password_weak: 'input',
  password_change_required: 'access',
  identity_not_trusted: 'sign_in',
  idp_not_allowed: 'sign_in',
  csrf: 'technical',
  bad_request: 'input',
  conflict: 'conflict',
  limit_reached: 'limit',
  method_not_allowed: 'technical',
  too_large: 'input',
  unsupported_media_type: 'input',
  card_locked: 'conflict',
  version_conflict: 'conflict',
  outside_study_period: 'input',
  prep_must_be_group: 'input',
  prep_before_part_end: 'input',
  topics_required: 'input',
  part_required: 'input',
  source_required: 'input',
  host_conflict: 'conflict',
  group_conflict: 'conflict',
  student_conflict: 'conflict',
  load_exceeded: 'limit',
  outside_working_hours: 'time',
  duration_over_cap: 'limit',
  daily_screen_cap: 'limit',
  after_hours: 'time',
  not_a_school_day: 'time',
  no_local_act: 'input',
  precondition_required: 'technical',
  recording_consent_missing: 'access',
  recording_forbidden: 'access',
  slot_taken: 'conflict',
  booking_closed: 'time',
  booking_limit: 'limit',
  grade_out_of_scale: 'input',
  numeric_grade_forbidden: 'input',
  self_review: 'access',
  review_not_assigned: 'access',
  submission_closed: 'time',
  duplicate_term: 'conflict',
  retention_hold: 'conflict',
  erasure_pending: 'conflict',
  import_rejected: 'input',
} as const satisfies Record<string, Category>;

const ownCodes = {
  /** The hub cannot be reached. */
  offline: 'technical',
  device_denied: 'device',
  device_missing: 'device',
  device_busy: 'device',
  device_failed: 'device',
  device_insecure: 'device',
  screen_denied: 'device',
} as const satisfies Record<string, Category>;

export const CATEGORY = { ...wireCodes, ...httpCodes, ...ownCodes } satisfies Record<string, Category>;
export type ErrorCode = keyof typeof CATEGORY;
export const ERROR_CODES = Object.keys(CATEGORY) as ErrorCode[];

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && code in CATEGORY;
}

export type Refusal = {
  code: ErrorCode;
  /** When trying again makes sense. */
  retryAfterMs?: number;
  params?: Record<string, unknown>;
  /** Details by line or by date, as the hub gives them. */
  errors?: unknown;
};

/** A refusal that travels as an exception. */
export class KafedraError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, options?: ErrorOptions) {
    super(refusal.code, options);
    this.name = 'KafedraError';
    this.refusal = refusal;
  }
}

export function refusalOf(error: unknown): Refusal {
  return error instanceof KafedraError ? error.refusal : { code: 'internal' };
}
