// Every page on a desktop and on a small phone, in light and dark: no serious accessibility violation, nothing sticks
// out to the side, and a picture for people to look at.
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
import { castOf } from '../harness/cast.mjs';
import { Hub, PASSWORD } from '../harness/hub.mjs';
import {
  checkReady,
  enterRoom,
  leaveRoom,
  openFromTimetable,
  openParticipants,
  pictures,
  signIn,
} from '../harness/room.mjs';

let hub;
let browser;
let cast;

before(async () => {
  hub = await Hub.start();
  browser = await launchBrowser();
  cast = await castOf(hub, 'video_conference');
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

const DEVICES = { desktop: DESKTOP, phone: PHONE };

for (const [device, viewport] of Object.entries(DEVICES)) {
  for (const colorScheme of ['light', 'dark']) {
    test(`${device}, ${colorScheme}`, async () => {
      const page = await newPerson(browser, hub, { viewport, colorScheme });
      const look = async (name) => {
        await assertFitsWidth(page, name);
        await screenshot(page, `${name}-${device}-${colorScheme}`);
        await assertAccessible(page, `${name} (${device}, ${colorScheme})`);
      };
      await page.goto('/sign-in');
      await page.getByRole('heading', { name: 'Вход' }).waitFor();
      await look('sign-in');
      await signIn(page, cast.teacher);
      await page.getByRole('heading', { level: 3 }).first().waitFor();
      await look('timetable');
      await page.goto('/guide');
      await page.getByRole('heading', { name: 'Как это работает' }).waitFor();
      await page.getByLabel('Кто вы на консультации').selectOption({ label: 'Ученик' });
      const webinar = page.getByRole('region', { name: 'Вебинар' });
      await webinar.getByText('нажмите «Поднять руку»').waitFor();
      await page.getByText('Я ничего не слышу').click();
      await page.getByText('Нажмите «Проверить звук» перед входом.').waitFor();
      await look('guide');
      await page.goto('/');
      await openFromTimetable(page, cast.item);
      await checkReady(page);
      await look('device-check');
      await enterRoom(page);
      await pictures(page, 1);
      await look('room-alone');
      await openParticipants(page);
      await look('room-people');
      await leaveRoom(page);
      await look('left');
      await page.context().close();
    });
  }
}

test('a password is changed from the account menu, and the old one is over', async () => {
  const fresh = 'три белых коня';
  const page = await newPerson(browser, hub, { viewport: PHONE });
  const other = await hub.as('D-001');
  await signIn(page, 'D-001');
  const account = page.getByRole('button', { name: /^Учётная запись: / });
  await account.click();
  await page.getByRole('menuitem', { name: 'Сменить пароль' }).click();
  const dialog = page.getByRole('dialog', { name: 'Смена пароля' });
  const field = (name) => dialog.getByLabel(name, { exact: true });
  await field('Нынешний пароль').fill('not the password');
  await field('Новый пароль').fill('пароль2026');
  await field('Новый пароль ещё раз').fill('пароль2026');
  const submit = dialog.getByRole('button', { name: 'Сменить пароль', exact: true });
  await submit.click();
  await dialog.getByText('Такой пароль подбирают первым, придумайте другой').waitFor();
  await field('Новый пароль').fill(fresh);
  await field('Новый пароль ещё раз').fill(fresh);
  await submit.click();
  await dialog.getByText('Это не нынешний пароль').waitFor();
  await assertFitsWidth(page, 'the password dialog');
  await assertAccessible(page, 'the password dialog');
  await screenshot(page, 'password-phone-light');
  await field('Нынешний пароль').fill(PASSWORD);
  await submit.click();
  await dialog.getByText('Пароль изменён').waitFor();
  await dialog.getByRole('button', { name: 'Готово' }).click();
  assert.equal(await account.evaluate((button) => button === document.activeElement), true, 'the focus is back');
  await assert.rejects(other.timetable(), /session_expired/);
  // This browser goes on; the next sign-in takes the new password.
  await page.reload();
  await account.click();
  await page.getByRole('menuitem', { name: 'Выйти' }).click();
  await signIn(page, 'D-001', fresh);
  await page.context().close();
});
