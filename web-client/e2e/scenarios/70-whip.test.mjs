// Programs publish by WHIP and watch by WHEP, each against Chromium in both directions: aiortc, GStreamer's webrtcbin, the
// `webrtc` crate.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launchBrowser, newPerson, SMALL } from '../harness/browser.mjs';
import { castOf } from '../harness/cast.mjs';
import { Hub } from '../harness/hub.mjs';
import { Program, publish, shown, stop, watch } from '../harness/programs.mjs';
import { joinByLink, signIn } from '../harness/room.mjs';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const interop = `${repository}scripts/interop/`;
// Built with the tests.
const example = resolve(repository, process.env.CARGO_TARGET_DIR ?? 'target', 'release/examples/whip_publish');

let hub;
let browser;
let host;
let python;
let access;
const programs = [];

before(async () => {
  // First of all: it may install for a minute, and while it blocks this process the hub closes idle connections that
  // the next request would still take from the pool.
  python = execFileSync(`${interop}install.sh`, { encoding: 'utf8' }).trim();
  hub = await Hub.start();
  browser = await launchBrowser();
  access = await conference();
});

after(async () => {
  for (const program of programs) program.process.kill('SIGKILL');
  await browser?.close();
  await hub?.stop();
});

/** Programs come when an adult is there: the teacher sits in the room, and each program has a token of its own. */
async function conference() {
  const { item, teacher } = await castOf(hub, 'video_conference');
  host = await newPerson(browser, hub, { viewport: SMALL });
  await signIn(host, teacher);
  await joinByLink(host, item);
  const program = await hub.as(teacher);
  const wanted = { scopes: ['room.publish', 'room.watch'], expires_in_s: 900 };
  const { token } = await program.post('/api/v1/tokens', wanted);
  return { room: item.room, token };
}

const GST = ['/usr/bin/python3', `${interop}gst_client.py`];
const AIORTC = () => [python, `${interop}aiortc_client.py`];

function start([command, script], mode, options) {
  const { room, token } = access;
  const args = [script, mode, '--hub', hub.url, '--room', room, '--token', token, ...options];
  const program = Program.start(command, args);
  programs.push(program);
  return program;
}

async function blank() {
  const page = await newPerson(browser, hub);
  await page.goto('/sign-in');
  return page;
}

/** Chromium decodes what is sent under this label. */
async function watched(label) {
  const page = await blank();
  await page.evaluate(watch, { ...access, sources: label });
  await shown(page, label);
  assert.equal(await page.evaluate(stop, access.token), 200, 'DELETE of the session');
  await page.context().close();
}

const PUBLISHERS = [
  ['aiortc', AIORTC, ['--label', 'board', '--seconds', '120'], 'board'],
  ['GStreamer, VP8', () => GST, ['--label', 'gst', '--seconds', '120'], 'gst'],
  ['GStreamer, H264', () => GST, ['--label', 'gst264', '--codec', 'h264', '--seconds', '120'], 'gst264'],
];
for (const [name, command, options, label] of PUBLISHERS) {
  test(`what ${name} publishes by WHIP, Chromium watches by WHEP`, { timeout: 120_000 }, async () => {
    const program = start(command(), 'publish', options);
    await program.connected();
    await watched(label);
    await program.stop();
    assert.match(program.said, /"stopped", "status": 200/);
  });
}

test('what the webrtc crate publishes by WHIP, Chromium watches by WHEP', { timeout: 120_000 }, async () => {
  const { room, token } = access;
  const program = Program.start(example, [hub.url, room, token, 'still']);
  programs.push(program);
  await program.connected();
  await watched('still');
  await program.stop();
});

const WATCHERS = [
  ['aiortc', AIORTC, 'vp8', []],
  ['GStreamer', () => GST, 'vp8', []],
  ['GStreamer', () => GST, 'h264', ['--codec', 'h264']],
];
for (const [name, command, codec, options] of WATCHERS) {
  test(`what Chromium publishes by WHIP in ${codec}, ${name} watches by WHEP`, { timeout: 120_000 }, async () => {
    const page = await blank();
    const label = `page-${codec}`;
    await page.evaluate(publish, { ...access, label, codec });
    const program = start(command(), 'watch', ['--sources', label, '--seconds', '45', ...options]);
    await program.succeeds();
    assert.equal(await page.evaluate(stop, access.token), 200);
    await page.context().close();
  });
}
