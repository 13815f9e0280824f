// A webinar: students listen; the hub refuses even an offer made by hand; who is given the floor is seen by all.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchBrowser, newPerson, SMALL } from '../harness/browser.mjs';
import { castOf } from '../harness/cast.mjs';
import { Hub } from '../harness/hub.mjs';
import {
  arrivals,
  giveFloor,
  joinFromTimetable,
  ownPeer,
  publishByHand,
  raiseHand,
  signIn,
  takeFloor,
} from '../harness/room.mjs';
import { until } from '../harness/until.mjs';

let hub;
let browser;
let cast;
let teacher;
let speaker;
let listener;

before(async () => {
  hub = await Hub.start();
  browser = await launchBrowser();
  cast = await castOf(hub, 'webinar');
  [teacher, speaker, listener] = await Promise.all([0, 1, 2].map(() => newPerson(browser, hub, { viewport: SMALL })));
  await signIn(teacher, cast.teacher);
  await signIn(speaker, cast.students[0]);
  await signIn(listener, cast.students[1]);
  await joinFromTimetable(teacher, cast.item);
  await joinFromTimetable(speaker, cast.item);
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

test('the hub refuses an offer that a student made by hand', async () => {
  const refusal = await publishByHand(listener, cast.item.room);
  assert.equal(refusal.type, 'error');
  assert.equal(refusal.code, 'role_not_permitted');
  assert.equal(refusal.request, 'offer');
});

test('students see the teacher and send nothing', async () => {
  await joinFromTimetable(listener, cast.item);
  const host = await ownPeer(teacher);
  for (const page of [speaker, listener]) {
    await until('the teacher arrives', async () => (await arrivals(page))[host]?.frames > 0, { within: 30_000 });
    const sent = await page.evaluate(async () => {
      const stats = await Promise.all(window.__spy.peers.map((peer) => peer.getStats()));
      return stats.flatMap((each) => [...each.values()].filter(({ type }) => type === 'outbound-rtp')).length;
    });
    assert.equal(sent, 0, 'nothing leaves a listener');
  }
});

test('a student who is given the floor is seen by all', async () => {
  await raiseHand(speaker);
  const peer = await ownPeer(speaker);
  await until('the hand is up', () =>
    teacher.evaluate((wanted) => window.__spy.last.hand_queue?.peers.includes(wanted), peer),
  );
  await giveFloor(teacher);
  await takeFloor(speaker);
  for (const page of [teacher, listener]) {
    await until(
      'the speaker is seen and heard',
      async () => {
        const seen = (await arrivals(page))[peer];
        return seen?.frames > 0 && seen.energy > 0;
      },
      { within: 30_000 },
    );
  }
});
