// The form decides: a chat has no media at all, an individual consultation has two people and everything.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchBrowser, newPerson, PHONE, screenshot } from '../harness/browser.mjs';
import { castOf } from '../harness/cast.mjs';
import { Hub } from '../harness/hub.mjs';
import { assertAllSeeAndHearAll, joinFromTimetable, seesChat, signIn, writeChat } from '../harness/room.mjs';

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

test('a chat: words only', async () => {
  const cast = await castOf(hub, 'chat');
  const [teacher, student] = [
    await newPerson(browser, hub),
    await newPerson(browser, hub, { viewport: PHONE, media: false }),
  ];
  await signIn(teacher, cast.teacher);
  await signIn(student, cast.students[0]);
  for (const page of [teacher, student]) await joinFromTimetable(page, cast.item);
  await writeChat(student, 'Здравствуйте! Можно вопрос?');
  await seesChat(teacher, 'Здравствуйте! Можно вопрос?');
  await writeChat(teacher, 'Конечно.');
  await seesChat(student, 'Конечно.');
  await screenshot(student, 'chat-phone-light');
  for (const page of [teacher, student]) {
    assert.equal(await page.evaluate(() => window.__spy.peers.length), 0, 'no peer connection in a chat');
    await page.context().close();
  }
});

test('an individual consultation: two people see and hear each other', async () => {
  const cast = await castOf(hub, 'individual');
  const [teacher, student] = [await newPerson(browser, hub), await newPerson(browser, hub, { viewport: PHONE })];
  await signIn(teacher, cast.teacher);
  await signIn(student, cast.students[0]);
  for (const page of [teacher, student]) await joinFromTimetable(page, cast.item);
  await assertAllSeeAndHearAll([teacher, student], 3);
  await screenshot(student, 'individual-phone-light');
});
