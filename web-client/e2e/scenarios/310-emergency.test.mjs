// The deputy head closes a lesson that must not go on: everybody leaves and reads why, the parent at home is told, and the
// report tells it from a teacher who did not come.

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
import { joinByLink, signIn } from '../harness/room.mjs';

const REASON = 'Пожарная тревога, все выходят из школы';

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

test('an emergency close ends the room with a reason that people see', async () => {
  const cast = await castOf(hub, 'video_conference');
  const teacher = await newPerson(browser, hub, { viewport: DESKTOP });
  const pupil = await newPerson(browser, hub, { viewport: PHONE });
  await signIn(teacher, cast.teacher);
  await signIn(pupil, cast.students[0]);
  for (const page of [teacher, pupil]) await joinByLink(page, cast.item);

  // By the keyboard alone, from the timetable.
  const deputy = await newPerson(browser, hub, { viewport: PHONE });
  await signIn(deputy, 'D-001');
  await deputy.goto('/');
  await deputy.locator(`[aria-label="Подробнее: ${cast.item.title}"]`).first().waitFor();
  for (const more of await deputy.locator(`[aria-label="Подробнее: ${cast.item.title}"]`).all()) {
    await more.focus();
    await deputy.keyboard.press('Enter');
    if (await deputy.locator('dialog[open]').getByText(cast.item.host.display_name).first().isVisible()) break;
    await deputy.keyboard.press('Escape');
  }
  const open = deputy.getByRole('button', { name: 'Закрыть для всех…' });
  await open.focus();
  await deputy.keyboard.press('Enter');
  const send = deputy.getByRole('button', { name: 'Закрыть для всех', exact: true });
  await send.waitFor();
  assert.equal(await send.isDisabled(), true, 'without a reason nothing is closed');
  assert.equal(await deputy.getByLabel('Что случилось').count(), 0, 'a fault is for the host to tell');
  await deputy.getByLabel('Причина').fill(REASON);
  await assertFitsWidth(deputy, 'the dialog of closing');
  await assertAccessible(deputy, 'the dialog of closing');
  await screenshot(deputy, 'emergency-dialog-phone');
  await send.click();
  await deputy.getByRole('dialog', { name: 'Закрыть консультацию для всех' }).waitFor({ state: 'hidden' });

  for (const page of [teacher, pupil]) {
    await page.getByText('Консультация закрыта экстренно').waitFor();
    await page.getByText(REASON).waitFor();
    await page.getByRole('heading', { name: 'Консультация закрыта', exact: true }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Войти снова' }).count(), 0, 'nobody is asked back');
    await assertAccessible(page, 'the end screen after an emergency');
  }
  await screenshot(pupil, 'emergency-end-phone');
  await screenshot(teacher, 'emergency-end-desktop');

  await pupil.goto('/notices');
  await pupil.getByText(REASON).first().waitFor();
  await pupil
    .getByText(/технический сбой/)
    .first()
    .waitFor();
  await screenshot(pupil, 'emergency-notice-phone');

  const head = await newPerson(browser, hub, { viewport: DESKTOP });
  await signIn(head, 'D-001');
  await head.goto('/reports');
  const incidents = head.locator('section', { has: head.getByRole('heading', { name: 'Технические сбои' }) });
  await incidents.getByText(REASON).waitFor();
  await incidents.getByText('экстренное закрытие').waitFor();
  await incidents.scrollIntoViewIfNeeded();
  await assertAccessible(head, 'the report with incidents');
  await screenshot(head, 'emergency-report-desktop');
  await head.getByRole('button', { name: /Без технических сбоев/ }).click();
  await head.getByText(`экстренное закрытие — ${REASON}`).first().waitFor();
});
