import type { Translation } from '../texts';
import type russian from './common.ru';

const english: Translation<typeof russian> = {
  app_name: 'Kafedra',
  loading: 'Loading…',
  retry: 'Try again',
  close: 'Close',
  cancel: 'Cancel',
  back: 'Back',
  save: 'Save',
  to_timetable: 'To the timetable',
  retry_in: 'You can try again in {time}',
  form_webinar: 'Webinar',
  form_video_conference: 'Video conference',
  form_chat: 'Chat',
  form_individual: 'One-to-one',
  role_teacher: 'Teacher',
  role_student: 'Pupil',
  role_guardian: 'Parent',
  role_deputy_head: 'Deputy head',
  role_unit_head: 'Head of unit',
  role_staff: 'Staff',
  role_head: 'Head',
  role_admin: 'Administrator',
};

export default english;
