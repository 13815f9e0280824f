// A guardian of two children sees what concerns each, and both together.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible, launchBrowser, newPerson, screenshot } from '../harness/browser.mjs';
import { Hub } from '../harness/hub.mjs';
import { signIn } from '../harness/room.mjs';

let hub;
let browser;
let guardian;

before(async () => {
  hub = await Hub.start();
  browser = await launchBrowser();
  for (const code of ['G-01', 'G-02', 'G-03', 'G-04']) {
    guardian = await hub.as(code);
    if (guardian.me.wards.length >= 2) break;
  }
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

test('the timetable of each child, and of both', async () => {
  assert.equal(guardian.me.wards.length, 2, 'the demo school has a guardian of two');
  const page = await newPerson(browser, hub);
  await signIn(page, guardian.code);
  const items = await guardian.timetable();
  const choice = page.getByRole('radiogroup', { name: 'Чьё расписание' });
  await choice.waitFor();

  await page.getByText('По дням', { exact: true }).click();
  const titlesOf = (id) => items.filter(({ wards }) => wards.includes(id)).map(({ title }) => title);
  const [first, second] = guardian.me.wards.map(({ id }) => titlesOf(id));
  assert.ok(first.length > 0 && second.length > 0, 'both children are invited to something');
  const onlyFirst = first.find((title) => !second.includes(title));
  const onlySecond = second.find((title) => !first.includes(title));
  assert.ok(onlyFirst && onlySecond, 'each child has something of their own');
  const shown = (title) => page.getByText(title, { exact: true }).first();

  await choice.getByText('Все дети').click();
  for (const title of [onlyFirst, onlySecond]) await shown(title).waitFor();
  await assertAccessible(page, 'a guardian’s timetable');
  await screenshot(page, 'guardian-desktop-light');

  const pick = async (index, present, absent) => {
    const { display_name: name } = guardian.me.wards[index];
    await choice.getByText(name.split(' ')[1] ?? name).click();
    await shown(present).waitFor();
    await shown(absent).waitFor({ state: 'detached' });
  };
  await pick(0, onlyFirst, onlySecond);
  await pick(1, onlySecond, onlyFirst);
});
