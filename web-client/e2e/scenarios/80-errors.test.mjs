// What goes wrong is said in plain words: a camera that is not allowed, a door that is not open yet, somebody else's
// lesson, a line that drops and comes back.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible, launchBrowser, newPerson, PHONE, screenshot } from '../harness/browser.mjs';
import { castOf } from '../harness/cast.mjs';
import { Hub } from '../harness/hub.mjs';
import { inRoom, joinByLink, signIn } from '../harness/room.mjs';

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

test('a camera that is not allowed: help, and the room all the same', async () => {
  const { item, teacher } = await castOf(hub, 'webinar');
  const page = await newPerson(browser, hub, { viewport: PHONE });
  await page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = async () => {
      throw new DOMException('Permission denied', 'NotAllowedError');
    };
  });
  await signIn(page, teacher);
  await page.goto(`/room/${item.room}`);
  await page.getByText('Браузер не пустил к камере и микрофону').first().waitFor();
  await assertAccessible(page, 'a denied camera');
  await screenshot(page, 'error-camera-denied-phone-light');
  await page.getByRole('button', { name: 'Войти в комнату' }).click();
  await inRoom(page);
  await page.context().close();
});

test('scripts that do not come: loaded again, at last a word and a link', async () => {
  const page = await newPerson(browser, hub, { viewport: PHONE });
  let drops = 2;
  await page.route('**/assets/*.js', (route) => {
    drops -= 1;
    return drops >= 0 ? route.abort('connectionreset') : route.continue();
  });
  await page.goto('/sign-in');
  await page.getByLabel('Логин').waitFor();
  assert.ok(drops < 0, 'the first scripts were dropped');
  await page.context().close();

  const cutOff = await newPerson(browser, hub, { viewport: PHONE });
  await cutOff.route('**/assets/*.js', (route) => route.abort('connectionreset'));
  await cutOff.goto('/sign-in');
  const link = cutOff.getByRole('link', { name: 'Загрузить ещё раз' });
  await link.waitFor();
  await assertAccessible(cutOff, 'a page without its scripts');
  await screenshot(cutOff, 'error-not-loaded-phone-light');
  await cutOff.unroute('**/assets/*.js');
  await link.click();
  await cutOff.getByLabel('Логин').waitFor();
  await cutOff.context().close();
});

test('too early: a countdown, and somebody else’s lesson: a refusal', async () => {
  const { item } = await castOf(hub, 'video_conference');
  const outsider = await hub.as('S-5A-02');
  const page = await newPerson(browser, hub);
  await signIn(page, outsider.code);

  const later = (await outsider.timetable()).find(
    ({ state, role, form }) => state === 'planned' && role === 'recipient' && form !== 'chat',
  );
  assert.ok(later, 'something is still to come');
  await page.goto(`/room/${later.room}`);
  const enter = page.getByRole('button', { name: 'Войти в комнату' });
  const early = page.getByRole('timer').filter({ hasText: 'Комната откроется' });
  await enter.or(early).first().waitFor();
  if (await enter.isVisible()) await enter.click();
  await early.waitFor();
  await assertAccessible(page, 'too early');
  await screenshot(page, 'error-too-early-desktop-light');

  await page.goto(`/room/${item.room}`);
  const refused = page.getByRole('heading', { name: 'Вас нет в списке этой группы' });
  await enter.or(refused).first().waitFor();
  if (await enter.isVisible()) await enter.click();
  await refused.waitFor();
  await screenshot(page, 'error-not-on-roster-desktop-light');
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('a line that drops is told, and so is its return', async () => {
  const { item, teacher } = await castOf(hub, 'chat');
  const page = await newPerson(browser, hub);
  await signIn(page, teacher);
  await joinByLink(page, item);
  await hub.kill();
  const lost = page.getByText(/^Связь потеряна\. /).first();
  await lost.waitFor();
  await screenshot(page, 'error-connection-lost-desktop-light');
  await hub.launch();
  await lost.waitFor({ state: 'detached', timeout: 60_000 });
  await page.getByRole('textbox').first().fill('Я снова здесь');
  await page.keyboard.press('Enter');
  await page.getByText('Я снова здесь').first().waitFor();
});
