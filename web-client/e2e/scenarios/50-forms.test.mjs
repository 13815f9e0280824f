// The form decides: a chat has no media at all, an individual consultation has two people and everything.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible, launchBrowser, newPerson, PHONE, screenshot } from '../harness/browser.mjs';
import { castOf } from '../harness/cast.mjs';
import { Hub } from '../harness/hub.mjs';
import {
  assertAllSeeAndHearAll,
  joinFromTimetable,
  openParticipants,
  seesChat,
  signIn,
  writeChat,
} from '../harness/room.mjs';

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

  // Slow mode: whoever writes too soon reads why, and what was written stays in the box.
  await openParticipants(teacher);
  const slow = teacher.getByRole('combobox', { name: 'Медленный режим чата' });
  await slow.selectOption({ label: 'одно сообщение в 60 с' });
  await student.getByText('Медленный режим чата: одно сообщение в 60 с').waitFor();
  await writeChat(student, 'Второй вопрос');
  await student
    .getByRole('alert')
    .filter({ hasText: /слишком часто/i })
    .waitFor();
  await screenshot(student, 'chat-slow-phone');
  await screenshot(teacher, 'chat-slow');
  await assertAccessible(student, 'slow mode');
  await assertAccessible(teacher, 'slow mode of the host');
  assert.equal(await teacher.getByRole('log').getByText('Второй вопрос', { exact: true }).count(), 0);
  await writeChat(teacher, 'Мне можно и сразу.');
  await writeChat(teacher, 'Сначала отвечу на первый вопрос.');
  await seesChat(student, 'Сначала отвечу на первый вопрос.');
  await slow.selectOption({ label: 'выключен' });
  await writeChat(student, 'Второй вопрос, теперь можно');
  await seesChat(teacher, 'Второй вопрос, теперь можно');
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
