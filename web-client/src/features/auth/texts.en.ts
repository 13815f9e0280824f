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
  password_title: 'Change password',
  password_old: 'Current password',
  password_new: 'New password',
  password_again: 'New password once more',
  password_hint: 'At least 8 characters. Several words in a row do well.',
  password_note: 'Other devices and programs will have to sign in again. You stay signed in here.',
  password_submit: 'Change password',
  password_wrong: 'That is not the current password',
  password_too_short: 'Too short: at least 8 characters',
  password_too_long: 'Too long',
  password_too_common: 'Such a password is guessed first; think of another',
  password_like_login: 'Too much like the login',
  password_same: 'The new password is the current one',
  password_differs: 'The passwords differ',
  password_done: 'The password is changed',
  password_done_help: 'All other devices are signed out.',
  password_close: 'Done',
  first_title: 'Choose your own password',
  first_lead:
    '{name}, you signed in with a password that was given to you. Replace it, so that nobody but you knows it.',
  first_given: 'The password you were given',
  first_note: 'From now on you sign in with the new one. The one you were given is of no more use.',
  first_submit: 'Save and go on',
  first_leave: 'Sign out',
};

export default english;
