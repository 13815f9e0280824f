// The administrator makes a unit with a head who sees its classes, gives and takes roles, closes an account; and a school that
// was founded with nothing gets its deputy and its first programme in the browser. In Russian, desktop and phone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible, assertFitsWidth, launchBrowser, newPerson, PHONE, screenshot } from '../harness/browser.mjs';
import { Hub } from '../harness/hub.mjs';
import { signIn } from '../harness/room.mjs';

let hub;
let empty;
let browser;

before(async () => {
  [hub, empty, browser] = await Promise.all([Hub.start(), Hub.start({ founded: 'A-100' }), launchBrowser()]);
});

after(async () => {
  await browser?.close();
  await hub?.stop();
  await empty?.stop();
});

/** The password that the dialog shows once. */
async function shown(dialog) {
  await dialog.getByText('Пароль показан один раз').waitFor();
  return (await dialog.getByRole('alert').locator('b').nth(1).textContent()).trim();
}

/** A password that somebody else chose: another one is asked for before anything else. */
async function signInFirst(page, code, given, own) {
  await page.goto('/sign-in');
  await page.getByLabel('Логин').fill(code);
  await page.getByLabel('Пароль', { exact: true }).fill(given);
  await page.getByRole('button', { name: 'Войти', exact: true }).click();
  await page.getByRole('heading', { name: 'Придумайте свой пароль' }).waitFor();
  await page.getByLabel('Новый пароль', { exact: true }).fill(own);
  await page.getByLabel('Новый пароль ещё раз').fill(own);
  await page.getByRole('button', { name: 'Сохранить и продолжить' }).click();
  await page.getByRole('heading', { name: 'Расписание консультаций' }).waitFor();
}

async function add(page, { family, given, code, role, unit }) {
  const dialog = page.getByRole('dialog');
  await page.getByRole('button', { name: 'Добавить человека' }).click();
  await dialog.getByLabel('Фамилия').fill(family);
  await dialog.getByRole('textbox', { name: 'Имя' }).fill(given);
  await dialog.getByLabel('Код').fill(code);
  await dialog.getByLabel('Роль').selectOption({ label: role });
  if (unit) await dialog.getByLabel('Подразделение').selectOption({ label: unit });
  await dialog.getByRole('button', { name: 'Добавить' }).click();
  return dialog;
}

test('a unit gets a head, who sees its class; roles and accounts change', async () => {
  const admin = await newPerson(browser, hub, { media: false });
  await signIn(admin, 'A-001');
  await admin.getByRole('navigation', { name: 'Разделы' }).getByRole('link', { name: 'Люди' }).click();
  await admin.getByText('22 человека').waitFor();
  await screenshot(admin, 'people');
  await assertAccessible(admin, 'people');
  await admin.getByText('Подразделения', { exact: true }).click();
  await admin.getByRole('button', { name: 'Добавить подразделение' }).click();
  await admin.getByRole('dialog').getByLabel('Название').fill('Кафедра языков');
  await admin.getByRole('dialog').getByRole('button', { name: 'Сохранить' }).click();
  await admin.getByLabel('9Б').selectOption({ label: 'Кафедра языков' });
  const row = admin.locator('tr').filter({ has: admin.locator('b', { hasText: 'Кафедра языков' }) });
  await row.getByText('9Б').waitFor();
  await screenshot(admin, 'people-units');
  await assertAccessible(admin, 'units');
  await row.getByRole('button', { name: 'Убрать подразделение «Кафедра языков»' }).click();
  await admin.getByText('В подразделении ещё кто-то есть').waitFor();

  await admin.locator('label', { hasText: /^Люди$/ }).click();
  const dialog = await add(admin, {
    family: 'Ясенева',
    given: 'Анна',
    code: 'U-100',
    role: 'Руководитель подразделения',
    unit: 'Кафедра языков',
  });
  const password = await shown(dialog);
  await screenshot(admin, 'people-password');
  await assertAccessible(admin, 'a password that is shown once');
  await dialog.getByRole('button', { name: 'Пароль записан' }).click();
  const head = await newPerson(browser, hub, { media: false });
  await signInFirst(head, 'U-100', password, 'три белых коня');
  await head.getByText('9Б').first().waitFor();

  // Found by name; a role more, and the account closed: the head is out.
  await admin.getByLabel('Имя или код').fill('ясенева');
  await admin.getByText('1 человек', { exact: true }).waitFor();
  await admin.getByRole('button', { name: 'Ясенева Анна' }).click();
  await dialog.getByLabel('Дать роль').selectOption({ label: 'Учитель' });
  await dialog.getByRole('button', { name: 'Дать', exact: true }).click();
  await dialog.getByLabel('Работает в подразделении').waitFor();
  await screenshot(admin, 'people-person');
  await assertAccessible(admin, 'a person');
  await dialog.getByRole('button', { name: 'Убрать роль «Учитель»' }).click();
  await dialog.getByRole('button', { name: 'Убрать роль «Учитель»' }).waitFor({ state: 'detached' });
  await dialog.getByRole('button', { name: 'Закрыть вход' }).click();
  await dialog.getByText('Человек сразу выйдет отовсюду').waitFor();
  await dialog.getByRole('button', { name: 'Закрыть вход' }).click();
  await dialog.getByText('Закрыт', { exact: false }).first().waitFor();
  await head.goto('/');
  await head.getByRole('heading', { name: 'Вход' }).waitFor();

  // On a phone, and about oneself.
  const phone = await newPerson(browser, hub, { viewport: PHONE, colorScheme: 'dark', media: false });
  await signIn(phone, 'A-001');
  await phone.goto('/people');
  await phone.getByLabel('Имя или код').fill('A-001');
  await phone.getByText('1 человек', { exact: true }).waitFor();
  await screenshot(phone, 'people-phone');
  await assertFitsWidth(phone, 'people');
  await assertAccessible(phone, 'people on a phone');
  await phone.locator('tbody button').click();
  await phone.getByRole('dialog').getByText('Эту учётную запись меняет кто-то другой.').waitFor();
  assert.equal(await phone.getByRole('dialog').getByLabel('Дать роль').count(), 0);
  await screenshot(phone, 'people-person-phone');
  await assertFitsWidth(phone, 'a person');
  await assertAccessible(phone, 'a person on a phone');
  await phone.goto('/people?tab=units');
  await phone.getByLabel('9Б').waitFor();
  await screenshot(phone, 'people-units-phone');
  await assertFitsWidth(phone, 'units');
  await assertAccessible(phone, 'units on a phone');
  assert.deepEqual([...admin.errors, ...head.errors, ...phone.errors], []);
});

test('a school with nothing in it gets a deputy, and the deputy a programme', async () => {
  const admin = await newPerson(browser, empty, { media: false });
  await signIn(admin, 'A-100');
  await admin.goto('/people');
  await admin.getByText('1 человек', { exact: true }).waitFor();
  const dialog = await add(admin, { family: 'Громова', given: 'Ольга', code: 'D-100', role: 'Заместитель директора' });
  const password = await shown(dialog);

  const deputy = await newPerson(browser, empty, { viewport: PHONE, media: false });
  await signInFirst(deputy, 'D-100', password, 'три белых коня');
  await deputy.goto('/programme');
  await deputy.getByText('Программ пока нет').waitFor();
  await screenshot(deputy, 'programme-empty-phone');
  await assertFitsWidth(deputy, 'no programmes');
  await assertAccessible(deputy, 'no programmes');
  await deputy.getByRole('button', { name: 'Добавить программу' }).click();
  const form = deputy.getByRole('dialog');
  await form.getByLabel('Предмет').fill('Математика');
  await form.getByLabel('Класс').fill('5');
  await form.getByRole('button', { name: 'Сохранить' }).click();
  await deputy.getByRole('heading', { name: 'Математика, 5 класс' }).waitFor();
  assert.deepEqual([...admin.errors, ...deputy.errors], []);
});

test('a first password is changed before anything else, and the person goes on to where they were going', async () => {
  const admin = await newPerson(browser, empty, { media: false });
  await signIn(admin, 'A-100');
  await admin.goto('/people');
  const dialog = await add(admin, { family: 'Орлова', given: 'Вера', code: 'T-300', role: 'Учитель' });
  const given = await shown(dialog);

  const teacher = await newPerson(browser, empty, { viewport: PHONE, media: false });
  const own = 'семь синих птиц';
  const asks = () => teacher.getByRole('heading', { name: 'Придумайте свой пароль' }).waitFor();
  await teacher.goto('/cards');
  await teacher.getByLabel('Логин').fill('T-300');
  await teacher.getByLabel('Пароль', { exact: true }).fill(given);
  await teacher.keyboard.press('Enter');
  await asks();
  // What was typed a moment ago is not asked for again; the first field has the keyboard.
  assert.equal(await teacher.getByLabel('Пароль, который вам выдали').count(), 0);
  assert.equal(await teacher.evaluate(() => document.activeElement?.getAttribute('name')), 'fresh');
  await screenshot(teacher, 'first-password-phone');
  await assertFitsWidth(teacher, 'a first password');
  await assertAccessible(teacher, 'a first password on a phone');

  // No way round it: every page leads back here, and the hub answers nothing else.
  await teacher.goto('/people');
  await asks();
  const refused = await teacher.evaluate(async () => (await (await fetch('/api/v1/notices')).json()).code);
  assert.equal(refused, 'password_change_required');
  await teacher.goto('/cards');
  await asks();

  // Loaded anew it asks for the old one as well; by keyboard alone, with faults named at their fields.
  const type = async (words) => {
    await teacher.keyboard.press('ControlOrMeta+a');
    await teacher.keyboard.type(words);
  };
  await teacher.getByLabel('Пароль, который вам выдали').focus();
  await type(given);
  for (const words of [given, given]) {
    await teacher.keyboard.press('Tab');
    await teacher.keyboard.press('Tab');
    await type(words);
  }
  await teacher.keyboard.press('Enter');
  await teacher.getByText('Новый пароль совпадает с нынешним').waitFor();
  await assertAccessible(teacher, 'a fault of the first password');
  await screenshot(teacher, 'first-password-fault-phone');
  await teacher.getByLabel('Новый пароль', { exact: true }).fill(own);
  await teacher.getByLabel('Новый пароль ещё раз').fill(own);
  await teacher.keyboard.press('Enter');
  await teacher.getByRole('heading', { name: 'Карты уроков' }).waitFor();
  assert.equal(new URL(teacher.url()).pathname, '/cards');
  await teacher.goto('/password');
  await teacher.getByRole('heading', { name: 'Расписание консультаций' }).waitFor();

  // The given one is of no use any more; a founder chose theirs, and is not asked.
  const again = await newPerson(browser, empty, { colorScheme: 'dark', media: false });
  await signIn(again, 'T-300', own);
  await again.context().clearCookies();
  await admin.getByRole('button', { name: 'Пароль записан' }).click();
  await admin.getByLabel('Имя или код').fill('T-300');
  await admin.getByRole('button', { name: 'Орлова Вера' }).click();
  await dialog.getByRole('button', { name: 'Новый пароль' }).click();
  await dialog.getByRole('button', { name: 'Новый пароль' }).click();
  const another = await shown(dialog);
  await again.goto('/sign-in');
  await again.getByLabel('Логин').fill('T-300');
  await again.getByLabel('Пароль', { exact: true }).fill(another);
  await again.getByRole('button', { name: 'Войти', exact: true }).click();
  await again.getByRole('heading', { name: 'Придумайте свой пароль' }).waitFor();
  await screenshot(again, 'first-password-dark');
  await assertAccessible(again, 'a first password on a desktop');
  await again.getByRole('button', { name: 'English' }).click();
  await again.getByRole('heading', { name: 'Choose your own password' }).waitFor();
  await again.getByRole('button', { name: 'Sign out' }).click();
  await again.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.deepEqual([...admin.errors, ...teacher.errors, ...again.errors], []);
});
