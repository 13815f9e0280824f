// What is told to whom: for every role and every form of consultation in real time an article of steps (clause 2.3 of the
// regulation), and what helps when something does not work. The words stand in `texts.*.ts`.
import type { SchoolRole } from '../../shared/api';
import type { Form } from '../../shared/wire.gen';
import type { guideTexts } from './texts';

export type Step = Extract<keyof typeof guideTexts.russian, `step_${string}`>;
/** As what somebody takes part; several roles of the school do it alike. */
export type Part = 'student' | 'guardian' | 'host' | 'observer' | 'admin';

export const PARTS: readonly Part[] = ['student', 'guardian', 'host', 'observer', 'admin'];
export const FORMS: readonly Form[] = ['webinar', 'video_conference', 'chat', 'individual'];

const PART_OF: Record<SchoolRole, Part> = {
  student: 'student',
  guardian: 'guardian',
  teacher: 'host',
  staff: 'host',
  unit_head: 'observer',
  deputy_head: 'observer',
  head: 'observer',
  admin: 'admin',
};

/** What to show first: as what this person mostly takes part. */
export function partOf(roles: readonly SchoolRole[]): Part {
  const parts = roles.map((role) => PART_OF[role]);
  return PARTS.find((part) => part === 'host' && parts.includes(part)) ?? parts[0] ?? 'student';
}

export function articleFor(role: SchoolRole, form: Form): readonly Step[] {
  return ARTICLES[PART_OF[role]][form];
}

const ENTER: readonly Step[] = ['step_find', 'step_check', 'step_enter'];

export const ARTICLES: Record<Part, Record<Form, readonly Step[]>> = {
  student: {
    webinar: ['step_find', 'step_enter', 'step_watch', 'step_hand', 'step_floor', 'step_write', 'step_after'],
    video_conference: [...ENTER, 'step_switch_on', 'step_hand', 'step_write', 'step_view', 'step_after'],
    chat: ['step_find', 'step_chat_open', 'step_write', 'step_chat_private', 'step_after'],
    individual: ['step_book', ...ENTER, 'step_queue', 'step_switch_on', 'step_own_screen', 'step_after'],
  },
  guardian: {
    webinar: ['step_ward', 'step_find', 'step_enter', 'step_watch', 'step_guardian_room', 'step_after'],
    video_conference: ['step_ward', ...ENTER, 'step_guardian_room', 'step_write', 'step_after'],
    chat: ['step_ward', 'step_find', 'step_chat_open', 'step_guardian_room', 'step_after'],
    individual: ['step_ward', 'step_ward_book', ...ENTER, 'step_queue', 'step_after'],
  },
  host: {
    webinar: ['step_plan', ...ENTER, 'step_host_screen', 'step_host_hands', 'step_host_rules', 'step_host_end'],
    video_conference: [
      'step_plan',
      ...ENTER,
      'step_host_admit',
      'step_host_people',
      'step_host_screen',
      'step_host_end',
    ],
    chat: ['step_plan', 'step_find', 'step_chat_open', 'step_host_chat', 'step_host_rules', 'step_host_end'],
    individual: ['step_hours', ...ENTER, 'step_host_next', 'step_own_screen', 'step_host_notes', 'step_host_end'],
  },
  observer: {
    webinar: ['step_observe_find', 'step_enter', 'step_observe', 'step_observe_report'],
    video_conference: ['step_observe_find', 'step_enter', 'step_observe', 'step_observe_report'],
    chat: ['step_observe_find', 'step_chat_open', 'step_observe_chat', 'step_observe_report'],
    individual: ['step_observe_individual', 'step_observe_report'],
  },
  admin: {
    webinar: ['step_admin_room', 'step_admin_help', 'step_admin_report', 'step_admin_watch'],
    video_conference: ['step_admin_room', 'step_admin_help', 'step_admin_report'],
    chat: ['step_admin_chat', 'step_admin_help'],
    individual: ['step_admin_room', 'step_admin_individual', 'step_admin_help', 'step_admin_report'],
  },
};

export type Trouble = 'camera' | 'silence' | 'heard' | 'line' | 'door';
export const TROUBLES: Record<Trouble, readonly Step[]> = {
  camera: ['step_camera_allow', 'step_camera_other', 'step_without_camera'],
  silence: ['step_sound_enable', 'step_sound_device', 'step_sound_test'],
  heard: ['step_mic_on', 'step_mic_headset', 'step_mic_locked'],
  line: ['step_line_camera', 'step_line_near', 'step_line_stays'],
  door: ['step_door_time', 'step_door_host', 'step_door_list'],
};
