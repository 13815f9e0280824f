import type { Translation } from '../shared/i18n/texts';
import type russian from './texts.ru';

const english: Translation<typeof russian> = {
  nav: 'Sections',
  group_planning: 'Planning',
  group_help: 'Help',
  group_evidence: 'Reports and data',
  nav_timetable: 'Timetable',
  nav_programme: 'Programmes',
  nav_calendar: 'Calendar',
  nav_cards: 'Lesson cards',
  nav_planning: 'Load and substitutions',
  nav_reports: 'Reports',
  nav_import: 'Import and export',
  nav_people: 'People',
  nav_privacy: 'My data',
  nav_requests: 'Requests',
  nav_topics: 'Topics',
  nav_appointments: 'Appointments',
  nav_children: 'My children',
  nav_guardians: 'Guardians',
  nav_feedback: 'Feedback',
  skip: 'To the content',
  account: 'Account: {name}',
  change_password: 'Change password',
  sign_out: 'Sign out',
  language: 'Language',
  language_ru: 'Русский',
  language_en: 'English',
  look: 'Appearance',
  look_auto: 'Same as system',
  look_light: 'Light',
  look_dark: 'Dark',
  demo: 'Demo',
  home: 'Kafedra, to the timetable',
};

export default english;
