export default {
  title: 'Вход',
  lead: 'Консультации школы: вебинары, встречи, чаты и личная помощь учителя.',
  login: 'Логин',
  login_hint: 'Код, который выдала школа, например S-5A-01',
  password: 'Пароль',
  show_password: 'Показать или скрыть пароль',
  submit: 'Войти',
  login_missing: 'Введите логин',
  password_missing: 'Введите пароль',
  demo_title: 'Демонстрационная школа',
  demo_lead: 'Выберите, кем войти. Пароль у всех один: {password}',
  demo_as: 'Войти как {name}',
} as const;
