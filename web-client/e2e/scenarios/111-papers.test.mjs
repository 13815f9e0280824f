// A local act with the protocols by which opinions were heeded and its file, and the school's rule on a host to whom nobody came: the
// administrator proposes it, the deputy head confirms.

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

/** The part of the page under this heading. */
const section = (page, name) => page.locator('section').filter({ has: page.getByRole('heading', { name }) });

async function openRules(page) {
  await page.goto('/planning?tab=rules');
  await section(page, 'Локальные акты').getByText('№ 47-ОД').waitFor();
}

test('an act with its papers, and the rule on waiting in vain', async () => {
  const deputy = await newPerson(browser, hub, { media: false });
  await signIn(deputy, 'D-001');
  await openRules(deputy);
  await deputy.getByRole('button', { name: 'Добавить акт' }).click();
  const dialog = deputy.getByRole('dialog');
  await dialog.getByLabel('Номер').fill('77-О');
  await dialog.getByLabel('Дата').fill('2026-11-20');
  await dialog.getByLabel('Название').fill('Положение о консультациях');
  await dialog.getByLabel('Основание').fill('273-ФЗ, статья 16');
  await dialog.getByLabel('Действует с').fill('2026-11-20');
  await dialog.getByRole('button', { name: 'Добавить протокол' }).click();
  await dialog.getByLabel('Чьё мнение (1)').fill('Совет родителей');
  await dialog.getByLabel('Номер протокола').fill('3');
  await dialog.getByLabel('Дата протокола').fill('2026-11-18');
  await dialog
    .getByLabel('Файл акта')
    .setInputFiles({ name: 'положение.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.7 act') });
  await assertAccessible(deputy, 'the dialog of an act');
  await screenshot(deputy, 'papers-dialog-desktop-light');
  await dialog.getByRole('button', { name: 'Сохранить' }).click();
  const added = section(deputy, 'Локальные акты').getByRole('listitem').filter({ hasText: '№ 77-О ' });
  await added.getByText('Учтено мнение: Совет родителей, протокол № 3 от 18 ноября 2026').waitFor();
  const download = deputy.waitForEvent('download');
  await added.getByRole('link', { name: /положение\.pdf/ }).click();
  assert.equal((await download).suggestedFilename(), 'положение.pdf');

  const waiting = section(deputy, 'Если на консультацию никто не пришёл');
  await waiting.getByLabel('Сколько минут ждать').fill('20');
  await waiting.getByRole('button', { name: 'Сохранить правило' }).click();
  await deputy.reload();
  assert.equal(await waiting.getByLabel('Сколько минут ждать').inputValue(), '20');
  await waiting.scrollIntoViewIfNeeded();
  await assertAccessible(deputy, 'the rules');
  await screenshot(deputy, 'papers-desktop-light');
  assert.deepEqual(deputy.errors, []);

  // What an administrator wants is a proposal.
  const admin = await newPerson(browser, hub, { viewport: PHONE, colorScheme: 'dark', media: false });
  await signIn(admin, 'A-001');
  await admin.goto('/planning?tab=rules');
  const theirs = section(admin, 'Если на консультацию никто не пришёл');
  await theirs.getByLabel('Нагрузка').selectOption({ label: 'Не засчитывать' });
  await theirs.getByRole('button', { name: 'Предложить' }).click();
  await theirs.getByText('Предложение отправлено').waitFor();
  await assertFitsWidth(admin, 'the rules on a phone');
  await assertAccessible(admin, 'the rules on a phone');
  await theirs.scrollIntoViewIfNeeded();
  await screenshot(admin, 'papers-phone-dark');

  await deputy.reload();
  const proposals = section(deputy, 'Предложения');
  await proposals.getByText('Нагрузка, если никто не пришёл').waitFor();
  await proposals.getByText('Не засчитывать').waitFor();
  await proposals.getByRole('button', { name: 'Утвердить' }).click();
  await proposals.getByText('Не засчитывать').waitFor({ state: 'detached' });

  // A teacher sees the rule and the papers, and changes neither.
  const teacher = await newPerson(browser, hub, { viewport: PHONE, media: false });
  await signIn(teacher, 'T-014');
  await openRules(teacher);
  await section(teacher, 'Если на консультацию никто не пришёл').getByText('Не засчитывать').waitFor();
  assert.equal(await teacher.getByRole('button', { name: 'Сохранить правило' }).count(), 0);
  await section(teacher, 'Локальные акты').getByText('протокол № 3').waitFor();
  await assertFitsWidth(teacher, 'the papers on a phone');
});
