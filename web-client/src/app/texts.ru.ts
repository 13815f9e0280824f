export default {
  skip: 'К содержанию',
  account: 'Учётная запись: {name}',
  sign_out: 'Выйти',
  language: 'Язык',
  language_ru: 'Русский',
  language_en: 'English',
  look: 'Оформление',
  look_auto: 'Как в системе',
  look_light: 'Светлое',
  look_dark: 'Тёмное',
  demo: 'Демонстрация',
  home: 'Кафедра, к расписанию',
} as const;
