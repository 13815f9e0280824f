// A teacher and three students meet in a video conference: everyone sees, hears and reads everyone; a reload keeps the
// seat and the raised hand; the chat outlives the hub.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DESKTOP, launchBrowser, newPerson, SMALL, screenshot } from '../harness/browser.mjs';
import { castOf } from '../harness/cast.mjs';
import { Hub } from '../harness/hub.mjs';
import {
  assertAllSeeAndHearAll,
  inRoom,
  joinFromTimetable,
  lowerHandButton,
  openChat,
  ownPeer,
  raiseHand,
  seesChat,
  signIn,
  writeChat,
} from '../harness/room.mjs';
import { until } from '../harness/until.mjs';

let hub;
let browser;
let cast;
let people;

before(async () => {
  hub = await Hub.start();
  browser = await launchBrowser();
  cast = await castOf(hub, 'video_conference');
  const codes = [cast.teacher, ...cast.students.slice(0, 3)];
  people = await Promise.all(
    codes.map((_, index) => newPerson(browser, hub, { viewport: index === 0 ? DESKTOP : SMALL })),
  );
  await Promise.all(people.map((page, index) => signIn(page, codes[index])));
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

test('a teacher and three students join from the timetable', async () => {
  for (const page of people) await joinFromTimetable(page, cast.item);
  await until('everyone is in the list of everyone', async () => {
    const counts = await Promise.all(people.map((page) => page.evaluate(() => window.__spy.members.size)));
    if (counts.every((count) => count === 4)) return true;
    throw new Error(`members seen: ${counts}`);
  });
});

test('everyone sees and hears everyone for 20 seconds', async () => {
  await assertAllSeeAndHearAll(people, 20);
  await screenshot(people[0], 'room-desktop-light');
});

test('what one writes, all read', async () => {
  for (const page of people) await openChat(page);
  await writeChat(people[1], 'Почему знаменатель не складывают?');
  for (const page of people) await seesChat(page, 'Почему знаменатель не складывают?');
});

test('a reload keeps the seat and the raised hand', async () => {
  const student = people[2];
  await raiseHand(student);
  const peer = await ownPeer(student);
  await until('the teacher sees the hand', () =>
    people[0].evaluate((wanted) => window.__spy.last.hand_queue?.peers.includes(wanted), peer),
  );
  await student.reload();
  await inRoom(student);
  assert.equal(await ownPeer(student), peer, 'the same seat');
  await lowerHandButton(student).waitFor();
  assert.ok(await people[0].evaluate((wanted) => window.__spy.last.hand_queue.peers.includes(wanted), peer));
  await assertAllSeeAndHearAll(people, 2);
});

test('the chat outlives a hub that is killed, and people come back by themselves', async () => {
  await hub.kill();
  await hub.startAgain();
  await until(
    'everyone has a seat again',
    async () => {
      const seats = await Promise.all(people.map((page) => page.evaluate(() => window.__spy.seats)));
      return seats.every((count) => count >= 2);
    },
    { within: 60_000 },
  );
  for (const page of people) {
    await openChat(page);
    await seesChat(page, 'Почему знаменатель не складывают?');
  }
  await writeChat(people[0], 'Продолжаем.');
  for (const page of people) await seesChat(page, 'Продолжаем.');
  await assertAllSeeAndHearAll(people, 2);
  assert.deepEqual(
    people.flatMap((page) => page.errors),
    [],
    'no error in any page',
  );
});
