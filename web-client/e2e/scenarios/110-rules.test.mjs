// The deputy head writes down what planning is held against: a local act, norms and hours as dated rows, and how strictly each
// rule is meant. In Russian, on a desktop and on a phone, light and dark.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  assertAccessible,
  assertFitsWidth,
  DESKTOP,
  launchBrowser,
  newPerson,
  PHONE,
  screenshot,
} from '../harness/browser.mjs';
import { Hub } from '../harness/hub.mjs';
import { signIn } from '../harness/room.mjs';
import { until } from '../harness/until.mjs';

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

test('the deputy writes down an act, softens and tightens, and a teacher only sees it', async () => {
  const deputy = await newPerson(browser, hub, { media: false });
  await signIn(deputy, 'D-001');
  await deputy.goto('/planning');
  await deputy.getByText('Правила', { exact: true }).click();
  await section(deputy, 'Локальные акты').getByText('№ 47-ОД').waitFor();
  await screenshot(deputy, 'rules');
  await assertAccessible(deputy, 'rules');

  await deputy.getByRole('button', { name: 'Добавить акт' }).click();
  const dialog = deputy.getByRole('dialog');
  await dialog.getByLabel('Номер').fill('12-ОД');
  await dialog.getByLabel('Дата').fill('2026-12-01');
  await dialog.getByLabel('Название').fill('Изменения в положение');
  await dialog.getByLabel('Основание').fill('Приказ директора');
  await dialog.getByLabel('Действует с').fill('2027-01-11');
  await screenshot(deputy, 'rules-act');
  await assertAccessible(deputy, 'act');
  await dialog.getByRole('button', { name: 'Сохранить' }).click();
  const added = section(deputy, 'Локальные акты').getByRole('listitem').filter({ hasText: '№ 12-ОД' });
  await added.getByText('с 11 января 2027').waitFor();

  await deputy.getByRole('button', { name: 'Добавить часы' }).click();
  await dialog.getByLabel('По класс').fill('4');
  await dialog.getByLabel('Не позже').fill('17:00');
  await dialog.getByLabel('Обозначение').fill('primary');
  await dialog.getByLabel('Источник').fill('СП 2.4.3648-20');
  await dialog.getByRole('button', { name: 'Сохранить' }).click();
  await section(deputy, 'Часы занятий').getByText('08:00–17:00').waitFor();

  const norm = section(deputy, 'Время у экрана').getByRole('combobox').first();
  await norm.selectOption({ label: 'Запрещать' });
  const rule = section(deputy, 'Остальные правила').getByRole('combobox').first();
  await rule.selectOption({ label: 'Предупреждать' });
  // What the hub has kept comes back into the field.
  await until('the rule is kept', async () => (await rule.inputValue()) === 'warn');
  await deputy.reload();
  await section(deputy, 'Остальные правила').getByRole('combobox').first().waitFor();
  assert.equal(await norm.inputValue(), 'enforce');
  assert.equal(await rule.inputValue(), 'warn');
  assert.deepEqual(deputy.errors, []);

  for (const [viewport, colorScheme, name] of [
    [DESKTOP, 'dark', 'rules-dark'],
    [PHONE, 'light', 'rules-phone'],
    [PHONE, 'dark', 'rules-phone-dark'],
  ]) {
    const page = await newPerson(browser, hub, { viewport, colorScheme, media: false });
    await signIn(page, 'D-001');
    await page.goto('/planning?tab=rules');
    await section(page, 'Остальные правила').getByRole('combobox').first().waitFor();
    await screenshot(page, name);
    await assertFitsWidth(page, name);
    await assertAccessible(page, name);
    await page.context().close();
  }

  const teacher = await newPerson(browser, hub, { media: false });
  await signIn(teacher, 'T-014');
  await teacher.goto('/planning?tab=rules');
  await section(teacher, 'Остальные правила').getByText('Предупреждать').first().waitFor();
  assert.equal(await teacher.getByRole('button', { name: 'Добавить акт' }).count(), 0);
  assert.equal(await section(teacher, 'Время у экрана').getByRole('combobox').count(), 0);
});

test('an administrator proposes, the deputy sees both values, confirms one change and declines another', async () => {
  const admin = await newPerson(browser, hub, { media: false });
  await signIn(admin, 'A-001');
  await admin.goto('/planning?tab=rules');
  await admin.getByText('Ваши изменения — предложения').waitFor();
  await admin.getByText('Предложений нет').waitFor();
  const proposals = (page) => section(page, 'Предложения');

  const rule = section(admin, 'Остальные правила').getByRole('combobox').last();
  const before = await rule.inputValue();
  const wanted = before === 'off' ? 'warn' : 'off';
  await rule.selectOption(wanted);
  await proposals(admin).getByRole('listitem').filter({ hasText: 'Строгость' }).getByText('Ждёт решения').waitFor();
  assert.equal(await rule.inputValue(), before, 'nothing is in force yet');
  await admin.getByRole('button', { name: 'Добавить акт' }).click();
  const dialog = admin.getByRole('dialog');
  await dialog.getByLabel('Номер').fill('14-ОД');
  await dialog.getByLabel('Дата').fill('2026-12-02');
  await dialog.getByLabel('Название').fill('О занятиях в каникулы');
  await dialog.getByLabel('Основание').fill('Приказ директора');
  await dialog.getByLabel('Действует с').fill('2027-01-11');
  await dialog.getByRole('button', { name: 'Предложить' }).click();
  await proposals(admin).getByRole('listitem').filter({ hasText: 'Новый локальный акт' }).waitFor();
  await admin.getByRole('button', { name: 'Новая редакция: Сообщения и рассылки' }).click();
  await dialog.getByRole('textbox', { name: /^Текст/ }).fill('Школа пишет только о занятиях.');
  await screenshot(admin, 'rules-text');
  await assertAccessible(admin, 'text of a consent');
  await dialog.getByRole('button', { name: 'Предложить' }).click();
  const text = proposals(admin).getByRole('listitem').filter({ hasText: 'Текст согласия' });
  await text.getByRole('button', { name: 'Отозвать' }).click();
  await text.getByText('Отозвано').waitFor();
  await screenshot(admin, 'rules-proposed');
  await assertAccessible(admin, 'proposals of one’s own');

  const deputy = await newPerson(browser, hub, { viewport: PHONE, media: false });
  await signIn(deputy, 'D-001');
  await deputy.goto('/planning?tab=rules');
  const of = (page, what) => proposals(page).getByRole('listitem').filter({ hasText: what });
  await of(deputy, 'Новый локальный акт').getByRole('cell', { name: '14-ОД' }).waitFor();
  await screenshot(deputy, 'rules-decide-phone');
  await assertFitsWidth(deputy, 'rules-decide-phone');
  await assertAccessible(deputy, 'proposals to decide on');
  await of(deputy, 'Новый локальный акт').getByRole('button', { name: 'Утвердить' }).click();
  await section(deputy, 'Локальные акты').getByRole('listitem').filter({ hasText: '№ 14-ОД' }).waitFor();
  await of(deputy, 'Строгость').getByRole('button', { name: 'Отклонить' }).click();
  await deputy.getByRole('dialog').getByLabel('Причина').fill('Закон этого не разрешает');
  await deputy.getByRole('dialog').getByRole('button', { name: 'Отклонить' }).click();
  await of(deputy, 'Строгость').getByText('Отклонено').first().waitFor();
  assert.deepEqual(deputy.errors, []);

  await admin.reload();
  await of(admin, 'Строгость').getByText('Закон этого не разрешает').waitFor();
  await of(admin, 'Новый локальный акт').getByText('Утверждено').first().waitFor();
  assert.equal(await rule.inputValue(), before);
  assert.deepEqual(admin.errors, []);
  await admin.context().close();
  await deputy.context().close();

  const dark = await newPerson(browser, hub, { colorScheme: 'dark', media: false });
  await signIn(dark, 'A-001');
  await dark.goto('/planning?tab=rules');
  await of(dark, 'Строгость').waitFor();
  await screenshot(dark, 'rules-proposed-dark');
  await assertAccessible(dark, 'proposals in the dark');
});
