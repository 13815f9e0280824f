// Firefox ESR, publishing and watching: another browser's SDP, DTLS, congestion control and decoders. Driven over WebDriver
// BiDi. Debian's Firefox has no H264 without a download from outside, so that is left to Chromium and GStreamer.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import puppeteer from 'puppeteer-core';
import { launchBrowser, newPerson, SMALL } from '../harness/browser.mjs';
import { castOf } from '../harness/cast.mjs';
import { Hub } from '../harness/hub.mjs';
import { publish, shown, stop, watch } from '../harness/programs.mjs';
import { joinByLink, signIn } from '../harness/room.mjs';

let hub;
let chromium;
let firefox;
let access;

before(async () => {
  hub = await Hub.start();
  chromium = await launchBrowser();
  firefox = await puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    headless: true,
    extraPrefsFirefox: {
      // Loopback is left out of the candidates otherwise, and a test machine may have nothing else.
      'media.peerconnection.ice.loopback': true,
      'media.peerconnection.ice.obfuscate_host_addresses': false,
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
      'media.autoplay.default': 0,
      'app.update.disabledForTesting': true,
    },
  });
  const { item, teacher } = await castOf(hub, 'video_conference');
  const host = await newPerson(chromium, hub, { viewport: SMALL });
  await signIn(host, teacher);
  await joinByLink(host, item);
  const program = await hub.as(teacher);
  const wanted = { scopes: ['room.publish', 'room.watch'], expires_in_s: 600 };
  const { token } = await program.post('/api/v1/tokens', wanted);
  access = { room: item.room, token };
});

after(async () => {
  await firefox?.close();
  await chromium?.close();
  await hub?.stop();
});

async function inFirefox() {
  const page = await firefox.newPage();
  await page.goto(`${hub.url}/sign-in`);
  return page;
}

async function inChromium() {
  const page = await newPerson(chromium, hub);
  await page.goto('/sign-in');
  return page;
}

for (const codec of ['vp8', 'vp9']) {
  test(`what Firefox publishes in ${codec}, Chromium watches`, { timeout: 120_000 }, async () => {
    const [sender, receiver] = [await inFirefox(), await inChromium()];
    await sender.evaluate(publish, { ...access, label: `fx-${codec}`, codec });
    await receiver.evaluate(watch, { ...access, sources: `fx-${codec}` });
    await shown(receiver, `Firefox, ${codec}`);
    assert.equal(await sender.evaluate(stop, access.token), 200);
    assert.equal(await receiver.evaluate(stop, access.token), 200);
    await receiver.context().close();
    await sender.close();
  });
}

for (const codec of ['vp8', 'vp9', 'av1']) {
  test(`what Chromium publishes in ${codec}, Firefox watches`, { timeout: 120_000 }, async () => {
    const [sender, receiver] = [await inChromium(), await inFirefox()];
    await sender.evaluate(publish, { ...access, label: `cr-${codec}`, codec });
    await receiver.evaluate(watch, { ...access, sources: `cr-${codec}` });
    await shown(receiver, `Chromium, ${codec}`);
    assert.equal(await receiver.evaluate(stop, access.token), 200);
    assert.equal(await sender.evaluate(stop, access.token), 200);
    await sender.context().close();
    await receiver.close();
  });
}
