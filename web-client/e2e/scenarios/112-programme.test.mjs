// The deputy makes a programme by hand, names its parts and topics, gives them other names and takes one away; what is in use
// stays, and the page says why. In Russian, on a desktop and on a phone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible, assertFitsWidth, launchBrowser, newPerson, PHONE, screenshot } from '../harness/browser.mjs';
import { Hub } from '../harness/hub.mjs';
import { signIn } from '../harness/room.mjs';

let hub;
let browser;

before(async () => {
  hub = await Hub.start();
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

test('a programme is made, changed and taken away', async () => {
  const deputy = await newPerson(browser, hub, { media: false });
  await signIn(deputy, 'D-001');
  await deputy.goto('/programme');
  const dialog = deputy.getByRole('dialog');
  await deputy.getByRole('button', { name: 'Добавить программу' }).click();
  await dialog.getByLabel('Предмет').fill('Астрономия');
  await dialog.getByText('Такого предмета ещё нет, он добавится.').waitFor();
  await dialog.getByLabel('Класс').fill('5');
  await screenshot(deputy, 'programme-new');
  await assertAccessible(deputy, 'a new programme');
  await dialog.getByRole('button', { name: 'Сохранить' }).click();
  const made = deputy.locator('section').filter({ hasText: 'Астрономия, 5 класс' });
  await made.getByText('Частей пока нет').waitFor();

  await made.getByRole('button', { name: 'Добавить часть' }).click();
  await dialog.getByLabel('Название части').fill('Небо');
  await dialog.getByLabel('Темы').fill('Звёзды\nЛуна\n');
  await dialog.getByRole('button', { name: 'Сохранить' }).click();
  await made.getByText('2 темы').waitFor();

  // A topic gets another name and one goes.
  await made.locator('tr').filter({ hasText: 'Небо' }).getByRole('button', { name: 'Изменить' }).click();
  await dialog.getByLabel('Тема 1').fill('Светила');
  await dialog.getByRole('button', { name: 'Убрать тему «Луна»' }).click();
  await screenshot(deputy, 'programme-part');
  await assertAccessible(deputy, 'a part');
  await dialog.getByRole('button', { name: 'Сохранить' }).click();
  await made.getByText('1 тема', { exact: true }).waitFor();
  await made.getByText('Небо').click();
  await made.getByText('Светила').waitFor();
  await screenshot(deputy, 'programme-list');

  await made.getByRole('button', { name: 'Изменить' }).first().click();
  await dialog.getByLabel('Предмет').fill('Физика неба');
  await dialog.getByLabel('Это новое название предмета «Астрономия» во всей школе').check();
  await dialog.getByRole('button', { name: 'Сохранить' }).click();
  const renamed = deputy.locator('section').filter({ hasText: 'Физика неба, 5 класс' });
  await renamed.waitFor();

  // On a phone: what cards rest on stays, what nobody uses goes.
  const phone = await newPerson(browser, hub, { viewport: PHONE, colorScheme: 'dark', media: false });
  await signIn(phone, 'D-001');
  await phone.goto('/programme');
  const asked = phone.getByRole('dialog');
  await phone.getByRole('button', { name: 'Убрать программу: Математика, 5 класс' }).click();
  await asked.getByRole('button', { name: 'Убрать' }).click();
  await asked.getByText('Этим уже пользуются').waitFor();
  await asked.getByText(/карт/).first().waitFor();
  await screenshot(phone, 'programme-used-phone');
  await assertFitsWidth(phone, 'what is in use');
  await assertAccessible(phone, 'what is in use');
  await asked.getByRole('button', { name: 'Отмена' }).click();
  await phone.getByRole('button', { name: 'Убрать программу: Физика неба, 5 класс' }).click();
  await asked.getByRole('button', { name: 'Убрать' }).click();
  await asked.waitFor({ state: 'detached' });
  await phone.getByRole('heading', { name: 'Физика неба, 5 класс' }).waitFor({ state: 'detached' });
  await screenshot(phone, 'programme-phone');
  await assertFitsWidth(phone, 'programmes');
  await assertAccessible(phone, 'programmes');
  assert.deepEqual([...deputy.errors, ...phone.errors], []);
});
