// A screen in a class-room, from before the lesson to after it: it waits, shows, comes back after the hub fell, and ends.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  assertAccessible,
  assertFitsWidth,
  launchBrowser,
  newPerson,
  PHONE,
  SMALL,
  screenshot,
} from '../harness/browser.mjs';
import { castOf } from '../harness/cast.mjs';
import { Hub } from '../harness/hub.mjs';
import { joinByLink, signIn } from '../harness/room.mjs';
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

/** Pictures that the screen has decoded on its newest connection. */
const frames = (page) =>
  page.evaluate(async () => {
    const peer = window.__spy.peers.at(-1);
    if (!peer || peer.connectionState === 'closed') return 0;
    let decoded = 0;
    for (const stat of (await peer.getStats()).values()) decoded += stat.framesDecoded ?? 0;
    return decoded;
  });

const says = (page, text) => page.getByRole('status').filter({ hasText: text }).waitFor();

async function moving(page, what) {
  const before = await frames(page);
  await until(what, async () => (await frames(page)) > before + 5, { within: 40_000, every: 300 });
  await page.waitForFunction(() => document.querySelector('video')?.dataset.shown !== undefined);
}

test('a screen waits, shows the lesson, comes back and ends with it', { timeout: 200_000 }, async () => {
  const { item, teacher, students } = await castOf(hub, 'video_conference');
  const screen = await newPerson(browser, hub, { media: false });
  await signIn(screen, students[0]);
  await screen.goto(`/watch/${item.room}`);
  await says(screen, 'Ждём учителя');
  await assertAccessible(screen, 'a screen that waits');
  await screenshot(screen, 'watch-waiting-desktop');

  const host = await newPerson(browser, hub, { viewport: SMALL });
  await signIn(host, teacher);
  await joinByLink(host, item);
  await moving(screen, 'the teacher is seen');
  await assertAccessible(screen, 'a screen that shows');
  await screenshot(screen, 'watch-shown-desktop');
  await screen.setViewportSize(PHONE);
  await assertFitsWidth(screen, 'the screen on a phone');
  await screenshot(screen, 'watch-shown-phone');

  await hub.kill();
  await says(screen, 'Связь прервалась');
  await screenshot(screen, 'watch-lost-phone');
  await hub.startAgain();
  await moving(screen, 'the teacher is seen again');

  await host.getByRole('button', { name: 'Выйти из комнаты' }).click();
  // Asked once more before it is over for everybody.
  for (let n = 0; n < 2; n += 1)
    await host.getByRole('dialog').getByRole('button', { name: 'Завершить для всех' }).click();
  await says(screen, 'Консультация завершена');
  await assertAccessible(screen, 'a screen that is done');
  assert.deepEqual(screen.errors, []);
});
