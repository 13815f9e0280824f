import type { Translation } from '../../shared/i18n/texts';
import type russian from './texts.ru';

const english: Translation<typeof russian> = {
  title: 'Sign in',
  lead: "The school's consultations: webinars, calls, chats and one-to-one help.",
  login: 'Login',
  login_hint: 'The code that the school gave you, for example S-5A-01',
  password: 'Password',
  show_password: 'Show or hide the password',
  submit: 'Sign in',
  login_missing: 'Enter the login',
  password_missing: 'Enter the password',
  demo_title: 'Demo school',
  demo_lead: 'Choose who to sign in as. Everybody has one password: {password}',
  demo_as: 'Sign in as {name}',
};

export default english;
