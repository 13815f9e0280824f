import type { Translation } from '../shared/i18n/texts';
import type russian from './texts.ru';

const english: Translation<typeof russian> = {
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
