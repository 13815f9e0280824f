// Where the frame leads, by what the person may do. A page adds its line here, its route in `router.tsx`, its word in
// `texts.*.ts`. Part of the frame's chunk, not of the first load.
import type { IconName } from '../shared/ui/icon';
import type { shellTexts } from './texts';

type Word = Extract<keyof typeof shellTexts.russian, `nav_${string}`>;

export type NavLink = {
  to: string;
  text: Word;
  icon: IconName;
  /** Shown when the policy lets any role of the person do one of these; its codes are those of DOMAIN 5. */
  actions: readonly string[];
  /** For people of these roles only. */
  roles?: readonly string[];
  group: 'lessons' | 'planning' | 'help' | 'evidence';
};

const LINKS: readonly NavLink[] = [
  { to: '/', text: 'nav_timetable', icon: 'clock', actions: ['timetable.view'], group: 'lessons' },
  { to: '/guide', text: 'nav_guide', icon: 'info', actions: ['timetable.view'], group: 'lessons' },

  // Planning.
  { to: '/programme', text: 'nav_programme', icon: 'book', actions: ['timetable.view'], group: 'planning' },
  { to: '/calendar', text: 'nav_calendar', icon: 'calendar', actions: ['timetable.view'], group: 'planning' },
  { to: '/cards', text: 'nav_cards', icon: 'edit', actions: ['card.publish'], group: 'planning' },
  { to: '/planning', text: 'nav_planning', icon: 'speaker_layout', actions: ['load.view'], group: 'planning' },

  // Individual help.
  { to: '/requests', text: 'nav_requests', icon: 'chat', actions: ['request.create', 'request.triage'], group: 'help' },
  { to: '/topics', text: 'nav_topics', icon: 'book', actions: ['request.triage'], group: 'help' },
  { to: '/appointments', text: 'nav_appointments', icon: 'clock', actions: ['appointment.cancel'], group: 'help' },
  {
    to: '/children',
    text: 'nav_children',
    icon: 'people',
    actions: ['request.create'],
    roles: ['guardian'],
    group: 'help',
  },
  {
    to: '/guardians',
    text: 'nav_guardians',
    icon: 'user',
    actions: ['guardian_link.confirm', 'request.create'],
    group: 'help',
  },
  {
    to: '/feedback',
    text: 'nav_feedback',
    icon: 'check',
    actions: ['request.create', 'evidence.report'],
    group: 'help',
  },

  // Evidence.
  { to: '/reports', text: 'nav_reports', icon: 'book', actions: ['evidence.report'], group: 'evidence' },
  {
    to: '/import',
    text: 'nav_import',
    icon: 'refresh',
    actions: ['import.cards', 'import.roster'],
    group: 'evidence',
  },
  { to: '/people', text: 'nav_people', icon: 'people', actions: ['user.manage'], group: 'evidence' },
  {
    to: '/journal',
    text: 'nav_journal',
    icon: 'clock',
    actions: ['audit.view'],
    roles: ['head', 'deputy_head', 'unit_head', 'admin'],
    group: 'evidence',
  },
  { to: '/privacy', text: 'nav_privacy', icon: 'lock', actions: ['data.export'], group: 'evidence' },
];

export const GROUPS = ['lessons', 'planning', 'help', 'evidence'] as const;

export function linksOf(actions: readonly string[], roles: readonly string[]): NavLink[] {
  return LINKS.filter(
    (link) =>
      link.actions.some((action) => actions.includes(action)) &&
      (link.roles === undefined || link.roles.some((role) => roles.includes(role))),
  );
}
