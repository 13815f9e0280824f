// The journal on its page, as far as each may see it, with its head and the verified chain; and everybody's own sign-ins.
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

test('an administrator reads what concerns the hub and verifies the chain; a pupil sees own sign-ins', async () => {
  const other = await hub.as('A-001');
  const people = await other.get('/api/v1/people?search=Z-001');
  await other.post(`/api/v1/people/${people.items[0].id}/roles`, { role: 'teacher' });

  const admin = await newPerson(browser, hub, { media: false });
  await signIn(admin, 'A-001');
  await admin.getByRole('navigation', { name: 'Разделы' }).getByRole('link', { name: 'Журнал' }).click();
  const row = admin.locator('tr').filter({ hasText: 'Роль дана' }).first();
  await row.getByText('Власов Кирилл Андреевич').first().waitFor();
  await row.getByText('Беляев Олег Дмитриевич').waitFor();
  await admin.getByRole('button', { name: 'Проверить цепочку' }).click();
  await admin.getByText(/Цепочка цела: \d+ запис/).waitFor();
  await screenshot(admin, 'journal');
  await assertAccessible(admin, 'the journal');
  await admin.getByLabel('Действие').selectOption({ label: 'Роли' });
  await admin.locator('tr').filter({ hasText: 'Вход' }).first().waitFor({ state: 'detached' });
  await row.getByText('Подробности').click();
  await row.getByText(/role\.assign/).waitFor();
  await admin.getByLabel('Код человека').fill('T-021');
  await admin.getByText('Записей нет').waitFor();

  const deputy = await newPerson(browser, hub, { viewport: PHONE, colorScheme: 'dark', media: false });
  await signIn(deputy, 'D-001');
  await deputy.goto('/journal');
  await deputy.locator('tbody tr').first().waitFor();
  await screenshot(deputy, 'journal-phone');
  await assertFitsWidth(deputy, 'the journal');
  await assertAccessible(deputy, 'the journal on a phone');

  const pupil = await newPerson(browser, hub, { viewport: PHONE, media: false });
  await signIn(pupil, 'S-5A-01');
  await pupil.goto('/privacy');
  const section = pupil.locator('section').filter({ has: pupil.getByRole('heading', { name: 'Мои входы' }) });
  await section.getByRole('listitem').filter({ hasText: 'вход' }).first().waitFor();
  await section.scrollIntoViewIfNeeded();
  await screenshot(pupil, 'sign-ins-phone');
  await assertFitsWidth(pupil, 'own sign-ins');
  await assertAccessible(pupil, 'own sign-ins');
  assert.equal(await pupil.getByRole('link', { name: 'Журнал' }).count(), 0);
  assert.deepEqual([...admin.errors, ...deputy.errors, ...pupil.errors], []);
});
