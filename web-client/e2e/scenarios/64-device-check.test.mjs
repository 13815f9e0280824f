// Before a lesson (clause 2.3): a pupil checks devices and line, and whoever holds the lesson sees what was found, in the lesson's
// details and beside who waits at the door.

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
import { Hub } from '../harness/hub.mjs';
import { joinByLink, openParticipants, signIn } from '../harness/room.mjs';
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

async function openDetails(page, item) {
  await page.locator(`[aria-label="Подробнее: ${item.title}"]`).first().click();
  return page.getByRole('dialog');
}

/** By the class and its state: several lessons of the demo school have one title. */
async function detailsOf(page, item, text) {
  for (const more of await page.locator(`[aria-label="Подробнее: ${item.title}"]`).all()) {
    await more.click();
    const dialog = page.getByRole('dialog');
    const says = await dialog
      .getByText(text)
      .waitFor({ timeout: 5_000 })
      .then(
        () => true,
        () => false,
      );
    if (says) return dialog;
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  }
  throw new Error(`no details of ${item.title} say ${text}`);
}

const found = async (code, item) => {
  const host = await hub.as(code);
  return (await host.get(`/api/v1/consultations/${item.id}/device-checks`)).items.filter(({ check }) => check);
};

test('a pupil checks devices and line, and the teacher sees it before the lesson and at the door', async () => {
  const cast = await castOf(hub, 'video_conference');
  const [well, bare] = await Promise.all([
    newPerson(browser, hub, { viewport: PHONE }),
    newPerson(browser, hub, { viewport: PHONE, colorScheme: 'dark' }),
  ]);
  await Promise.all([signIn(well, cast.students[0]), signIn(bare, cast.students[1])]);

  // From the details of the lesson.
  const own = await openDetails(well, cast.item);
  await own.getByText('Вы ещё не проверяли, всё ли готово.').waitFor();
  await assertAccessible(well, 'the details of a pupil');
  await assertFitsWidth(well, 'the details of a pupil');
  await own.getByRole('link', { name: 'Проверить камеру и связь' }).click();

  // Nothing is on by itself; one button tries both.
  await well.getByRole('button', { name: 'Проверить микрофон и камеру' }).click();
  await well.getByRole('button', { name: 'Выключить камеру' }).waitFor();
  await well.getByText('Напрямую (UDP): так лучше всего.').waitFor();
  await well.getByText(/^Приём .+бит\/с, отправка .+бит\/с$/).waitFor();
  await well.getByRole('button', { name: 'Проверить звук' }).click();
  await well.getByRole('button', { name: 'Да, слышно' }).click();
  await well.getByText('Звук проверен').waitFor();
  await assertAccessible(well, 'the check on a phone');
  await assertFitsWidth(well, 'the check on a phone');
  await well.screenshot({
    path: new URL('../artefacts/check-phone-light.png', import.meta.url).pathname,
    fullPage: true,
  });

  // Whoever has no camera is told of as such; the microphone is still tried.
  await bare.addInitScript(() => {
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wish) => {
      if (wish.video) throw new DOMException('none', 'NotFoundError');
      return open(wish);
    };
  });
  await bare.goto(`/room/${cast.item.room}`);
  await bare.getByRole('button', { name: 'Проверить микрофон и камеру' }).click();
  await bare.getByText('Напрямую (UDP): так лучше всего.').waitFor();
  await assertAccessible(bare, 'the check without devices');
  await assertFitsWidth(bare, 'the check without devices');
  await bare.screenshot({
    path: new URL('../artefacts/check-phone-dark.png', import.meta.url).pathname,
    fullPage: true,
  });

  await until('both checks are kept', async () => {
    const checks = await found(cast.teacher, cast.item);
    return checks.length === 2 && checks.some(({ check }) => check.findings.speaker === 'works');
  });
  const checks = await found(cast.teacher, cast.item);
  const good = checks.find(({ check }) => check.findings.camera === 'works').check.findings;
  assert.equal(good.way, 'udp');
  assert.equal(good.microphone, 'works');
  assert.equal(good.speaker, 'works');
  assert.ok(good.up_kbps > 0 && good.down_kbps > 0, JSON.stringify(good));
  const bad = checks.find(({ check }) => check.findings.camera !== 'works').check.findings;
  assert.deepEqual([bad.camera, bad.microphone, bad.way], ['missing', 'works', 'udp']);

  // One's own result stands in the details from now on.
  await well.goto('/');
  await (await openDetails(well, cast.item)).getByText(/^Проверено .+: всё работает$/).waitFor();

  // Who comes in again and tries nothing has not unlearnt it.
  const before = (await found(cast.teacher, cast.item)).find(({ check }) => check.findings.speaker === 'works');
  await well.goto(`/room/${cast.item.room}`);
  await well.getByText('Напрямую (UDP): так лучше всего.').waitFor();
  await until('the check of the line is kept', async () => {
    const checks = await found(cast.teacher, cast.item);
    const again = checks.find(({ id }) => id === before.id).check;
    return again.at !== before.check.at && again.findings.camera === 'works' && again.findings.speaker === 'works';
  });

  const desk = await newPerson(browser, hub, { viewport: DESKTOP });
  const phone = await newPerson(browser, hub, { viewport: PHONE, colorScheme: 'dark' });
  await signIn(desk, cast.teacher);
  await signIn(phone, cast.teacher);
  for (const [page, name] of [
    [desk, 'readiness-desktop-light'],
    [phone, 'readiness-phone-dark'],
  ]) {
    const details = await detailsOf(page, cast.item, /^Проверили 2 из \d+/);
    await details.getByText('всё работает').waitFor();
    await details.getByText('камера не найдена').waitFor();
    await details.getByText('не проверял(а)').first().waitFor();
    await assertAccessible(page, name);
    await assertFitsWidth(page, name);
    await details.getByText(/^Проверили 2/).scrollIntoViewIfNeeded();
    await screenshot(page, name);
  }

  // At the door.
  await desk.keyboard.press('Escape');
  await joinByLink(desk, cast.item);
  await openParticipants(desk);
  await desk.getByRole('switch', { name: 'Впускать по одному' }).click();
  await bare.getByRole('button', { name: 'Войти в комнату' }).click();
  const waiting = desk.getByRole('region', { name: 'Участники' }).locator('section', { hasText: 'Впустить' }).first();
  await waiting.getByText('камера не найдена').waitFor();
  await assertAccessible(desk, 'the lobby with what was checked');
  await screenshot(desk, 'readiness-lobby-desktop-light');
});

test('the check can be made long before the room opens', async () => {
  const cast = await castOf(hub, 'webinar');
  const student = await hub.as(cast.students[3]);
  const ahead = (await student.timetable()).find(
    ({ state, role, form }) => state === 'planned' && role === 'recipient' && form !== 'chat',
  );
  const page = await newPerson(browser, hub, { viewport: PHONE });
  await signIn(page, cast.students[3]);
  await page.goto(`/room/${ahead.room}`);
  await page.getByText('Напрямую (UDP): так лучше всего.').waitFor();
  const kept = async () => (await student.get('/api/v1/device-check')).last?.findings;
  await until('the line is kept', async () => (await kept())?.way === 'udp' && (await kept()).up_kbps > 0);
  assert.equal((await kept()).camera, undefined, 'nothing is switched on by itself');
});
