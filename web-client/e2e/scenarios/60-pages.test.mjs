// Every page on a desktop and on a small phone, in light and dark: no serious accessibility violation, nothing sticks
// out to the side, and a picture for people to look at.
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
