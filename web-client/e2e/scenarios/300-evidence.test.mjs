// The deputy head brings in lesson cards with mistakes, sees them by cell, mends and publishes; the report shows the school;
// consents and the export; the bell tells a pupil of a cancelled lesson.
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

const HEAD = 'Код;Дата;Начало;Минут;Класс;Предмет;Часть;Тема;Учитель;Вид;Форма';
const row = (key, date, time, grade) =>
  `${key};${date};${time};30;${grade};Математика;2 четверть;Проценты;Т-014;текущая;вебинар`;

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

/** The next weekday that is so many days ahead, as the school writes it. */
function schoolDay(ahead) {
  const day = new Date(Date.now() + ahead * 86_400_000);
  while (day.getDay() === 0 || day.getDay() === 6) day.setDate(day.getDate() + 1);
  const two = (n) => String(n).padStart(2, '0');
  return `${two(day.getDate())}.${two(day.getMonth() + 1)}.${day.getFullYear()}`;
}

async function person(code, viewport = DESKTOP) {
  const page = await newPerson(browser, hub, { viewport });
  await page.goto('/sign-in');
  await signIn(page, code);
  await page.getByRole('link', { name: /^Уведомления/ }).waitFor();
  return page;
}

const file = (text) => ({ name: 'карты.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });

test('a timetable with mistakes is shown by cell, mended and published', async () => {
  const page = await person('D-001');
  await page.getByRole('link', { name: 'Загрузка и выгрузка' }).click();
  const cards = page.getByRole('region', { name: 'Карты уроков' });
  const wrong = [row('Э-1', 'завтра', '15:10', '5А'), row('Э-2', schoolDay(10), 'в три', '5А')];
  await cards.getByLabel('Файл').setInputFiles(file([HEAD, ...wrong].join('\n')));
  await cards.getByRole('button', { name: 'Проверить' }).click();
  await cards.getByText(/В файле \d+ ошиб/).waitFor();
  const columns = await cards.locator('tbody tr td:nth-child(2)').allTextContents();
  assert.ok(columns.includes('Дата') && columns.includes('Начало'), `mistakes in ${columns}`);
  await assertFitsWidth(page, 'import-mistakes');
  await screenshot(page, 'import-mistakes');
  await assertAccessible(page, 'import with mistakes');
  // A class that is not there is found once every line can be read.
  await cards.getByLabel('Файл').setInputFiles(file(`${HEAD}\n${row('Э-1', schoolDay(10), '15:10', '5Я')}\n`));
  await cards.getByRole('button', { name: 'Проверить' }).click();
  await cards.getByText('Класса «5Я» нет в школе').waitFor();
  await cards.getByLabel('Файл').setInputFiles(file(`${HEAD}\n${row('Э-1', schoolDay(10), '15:10', '5А')}\n`));
  await cards.getByRole('button', { name: 'Проверить' }).click();
  await cards.getByText('Новых карт: 1').waitFor();
  await screenshot(page, 'import-check');
  await cards.getByRole('button', { name: 'Загрузить' }).click();
  await cards.getByText('Загружено').waitFor();
  await cards.getByRole('button', { name: 'Проверить' }).click();
  await cards.getByText('менять нечего').waitFor();
  await page.context().close();
});

test('the report shows the school, its rows, and fits a phone', async () => {
  for (const [device, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    const page = await person('D-001', viewport);
    await page.goto('/reports');
    await page.getByRole('heading', { name: 'Отчёты' }).waitFor();
    const figure = page.getByRole('button', { name: /^Начало вовремя/ });
    await figure.waitFor();
    await assertFitsWidth(page, `reports-${device}`);
    await screenshot(page, `reports-${device}`);
    await assertAccessible(page, `reports on a ${device}`);
    await figure.click();
    await page.getByRole('heading', { name: /Строки показателя/ }).waitFor();
    // A figure has rows.
    await page.locator('section[aria-live] tbody tr').first().waitFor();
    await screenshot(page, `reports-rows-${device}`);
    await page.context().close();
  }
});

test('a guardian signs for a child and takes the data along', async () => {
  const page = await person('G-01', PHONE);
  await page.goto('/privacy');
  await page.getByRole('heading', { name: 'Мои данные и согласия' }).waitFor();
  const child = page.locator('section').filter({ hasText: 'Смирнов Артём' }).first();
  await child.getByRole('button', { name: 'Согласен' }).first().click();
  await child.getByText('действует').first().waitFor();
  await assertFitsWidth(page, 'privacy');
  await screenshot(page, 'privacy-phone');
  await assertAccessible(page, 'privacy');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Скачать мои данные' }).click(),
  ]);
  assert.equal(download.suggestedFilename(), 'kafedra-my-data.zip');
  await page.context().close();
});

test('a hold keeps a person’s data until somebody lifts it for a reason', async () => {
  const page = await person('A-001');
  await page.goto('/privacy');
  const holds = page.locator('section').filter({ has: page.getByRole('heading', { name: 'Запреты на удаление' }) });
  await holds.getByText('Запретов нет.').waitFor();
  await holds.getByLabel('Код человека').fill('S-9X-99');
  await holds.getByLabel('Основание').fill('Запрос прокуратуры');
  await holds.getByRole('button', { name: 'Запретить удаление' }).click();
  await holds.getByRole('alert').waitFor();
  await holds.getByLabel('Код человека').fill('S-5A-01');
  await holds.getByRole('button', { name: 'Запретить удаление' }).click();
  const row = holds.getByRole('row').filter({ hasText: 'Запрос прокуратуры' });
  await row.getByText('действует').waitFor();
  await screenshot(page, 'holds');
  await assertAccessible(page, 'holds');
  await row.getByRole('button', { name: 'Снять запрет' }).click();
  await row.getByLabel('Почему снимается').fill('Проверка окончена');
  await row.getByRole('button', { name: 'Снять запрет' }).click();
  await row.getByText('Проверка окончена').waitFor();
  assert.equal(await row.getByRole('button').count(), 0, 'lifted once');
  await page.setViewportSize(PHONE);
  await screenshot(page, 'holds-phone');
  await assertFitsWidth(page, 'holds-phone');
  await page.context().close();
});

test('the bell rings at once, and notices lead where they should', async () => {
  const page = await person('S-5A-01', PHONE);
  const bell = page.getByRole('link', { name: /^Уведомления/ });
  const before = await bell.getAttribute('aria-label');
  const helper = await person('D-001');
  const cancelled = await helper.evaluate(async () => {
    const list = await (await fetch('/api/v1/timetable')).json();
    const lesson = list.items.find(
      (item) => item.state === 'planned' && item.class === '5А' && item.form !== 'individual',
    );
    const answer = await fetch(`/api/v1/consultations/${lesson.id}/cancel`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ reason: 'Болезнь учителя' }),
    });
    return answer.status;
  });
  assert.equal(cancelled, 200);
  await page.waitForFunction(
    (was) => document.querySelector('a[href="/notices"]')?.getAttribute('aria-label') !== was,
    before,
    { timeout: 15_000 },
  );
  await bell.click();
  await page.getByText('Консультация отменена').first().waitFor();
  await assertFitsWidth(page, 'notices');
  await screenshot(page, 'notices-phone');
  await assertAccessible(page, 'notices');
  await page.getByRole('link', { name: 'Настройки уведомлений' }).click();
  await page.getByRole('heading', { name: 'Что и куда присылать' }).waitFor();
  await page.getByRole('button', { name: 'Создать ссылку' }).click();
  await page.getByLabel('Ссылка (показывается один раз)').waitFor();
  await assertFitsWidth(page, 'notice-settings');
  await screenshot(page, 'notice-settings-phone');
  await assertAccessible(page, 'settings of notices');
  await page.context().close();
  await helper.context().close();
});
