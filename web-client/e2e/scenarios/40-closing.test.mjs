// The clock closes a room: everyone who is in it gets the end of the lesson on the screen.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible, DESKTOP, launchBrowser, newPerson, PHONE, SMALL, screenshot } from '../harness/browser.mjs';
import { castOf } from '../harness/cast.mjs';
import { Hub } from '../harness/hub.mjs';
import { ended, joinByLink, signIn } from '../harness/room.mjs';
import { until } from '../harness/until.mjs';

/** From the start of the moved clock to the end of the lesson: time to sign in and join. */
const LEFT_SECONDS = 40;

let hub;
let browser;

before(async () => {
  // The room closes with the lesson, after whose planned end nobody new is let in; and a lesson counts as held however
  // short the time together, because here it is half a minute.
  hub = await Hub.start({
    env: { KAFEDRA_SCHEDULE__OVERRUN_MINUTES: '0', KAFEDRA_SCHEDULE__MIN_SHARED_MINUTES: '0' },
  });
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

test('the room closes by the clock and everyone gets the end screen', async () => {
  const cast = await castOf(hub, 'video_conference');
  const offset = Math.floor((Date.parse(cast.item.closes_at) - Date.now()) / 1_000) - LEFT_SECONDS;
  await hub.kill();
  await hub.startAgain({ env: { KAFEDRA_CLOCK_OFFSET_SECONDS: String(offset) } });

  const codes = [cast.teacher, cast.students[0], cast.students[1]];
  const people = await Promise.all([DESKTOP, PHONE, SMALL].map((viewport) => newPerson(browser, hub, { viewport })));
  await Promise.all(people.map((page, index) => signIn(page, codes[index])));
  for (const page of people) await joinByLink(page, cast.item);
  for (const page of people) {
    await until('the room is closed', () => page.evaluate(() => window.__spy.last.closed), {
      within: (LEFT_SECONDS + 30) * 1_000,
    });
    await ended(page).waitFor();
    await assertAccessible(page, 'the end screen');
  }
  await screenshot(people[0], 'ended-desktop-light');
  await screenshot(people[1], 'ended-phone-light');

  const teacher = await hub.as(cast.teacher);
  const after = await teacher.get(`/api/v1/consultations/${cast.item.id}`);
  assert.equal(after.state, 'held');
});
