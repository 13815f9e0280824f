// Programs publish by WHIP and browsers watch by WHEP: two independent clients send, Chromium decodes.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launchBrowser, newPerson, SMALL } from '../harness/browser.mjs';
import { castOf } from '../harness/cast.mjs';
import { Hub } from '../harness/hub.mjs';
import { joinByLink, signIn } from '../harness/room.mjs';
import { until } from '../harness/until.mjs';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const interop = `${repository}scripts/interop/`;
// Built with the tests.
const example = resolve(repository, process.env.CARGO_TARGET_DIR ?? 'target', 'release/examples/whip_publish');

let hub;
let browser;
let publisher;
let host;
let python;

before(async () => {
  // First of all: it may install for a minute, and while it blocks this process the hub closes idle connections that
  // the next request would still take from the pool.
  python = execFileSync(`${interop}install.sh`, { encoding: 'utf8' }).trim();
  hub = await Hub.start();
  browser = await launchBrowser();
});

after(async () => {
  publisher?.kill('SIGKILL');
  await browser?.close();
  await hub?.stop();
});

/** Programs come when an adult is there: the teacher sits in the room, and each program has a token of its own. */
async function conference() {
  const { item, teacher } = await castOf(hub, 'video_conference');
  if (!host) {
    host = await newPerson(browser, hub, { viewport: SMALL });
    await signIn(host, teacher);
    await joinByLink(host, item);
  }
  const program = await hub.as(teacher);
  const wanted = { scopes: ['room.publish', 'room.watch'], expires_in_s: 600 };
  const { token } = await program.post('/api/v1/tokens', wanted);
  return { room: item.room, token };
}

/** Starts a program and waits until it says that it is connected. */
async function published(command, args) {
  publisher = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [publisher.stdout, publisher.stderr]) {
    stream.on('data', (chunk) => {
      said += chunk;
    });
  }
  await until(
    'the program is connected',
    () => {
      if (said.includes('connected')) return true;
      throw new Error(`it said: ${said.slice(-2_000)}`);
    },
    { within: 60_000 },
  );
}

/** Chromium decodes what the program sends under this label. */
async function watched({ room, token }, label) {
  const page = await newPerson(browser, hub);
  await page.goto('/sign-in');
  await page.evaluate(watch, { room, token, sources: label });
  await until(
    'picture and sound',
    async () => {
      const seen = await page.evaluate(counters);
      if (seen.frames > 20 && seen.energy > 0) return true;
      throw new Error(JSON.stringify(seen));
    },
    { within: 30_000 },
  );
  const status = await page.evaluate(stopWatching, token);
  assert.ok([200, 204].includes(status), `DELETE of the session: ${status}`);
  await page.context().close();
  publisher.stdin.end();
}

test('what aiortc publishes by WHIP, Chromium watches by WHEP', async () => {
  const { room, token } = await conference();
  const options = ['--hub', hub.url, '--room', room, '--token', token, '--label', 'board', '--seconds', '120'];
  await published(python, [`${interop}aiortc_client.py`, 'publish', ...options]);
  await watched({ room, token }, 'board');
});

test('what the webrtc crate publishes by WHIP, Chromium watches by WHEP', async () => {
  const { room, token } = await conference();
  await published(example, [hub.url, room, token, 'still']);
  await watched({ room, token }, 'still');
});

/** In the page: a WHEP client of a few lines. */
async function watch({ room, token, sources }) {
  const peer = new RTCPeerConnection();
  const player = document.createElement('video');
  player.autoplay = true;
  player.srcObject = new MediaStream();
  peer.ontrack = ({ track }) => player.srcObject.addTrack(track);
  document.body.append(player);
  for (const kind of ['video', 'audio']) peer.addTransceiver(kind, { direction: 'recvonly' });
  await peer.setLocalDescription();
  const answer = await fetch(`/api/v1/rooms/${room}/whep?sources=${sources}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/sdp' },
    body: peer.localDescription.sdp,
  });
  const sdp = await answer.text();
  if (answer.status !== 201) throw new Error(`WHEP: ${answer.status} ${sdp}`);
  window.__session = answer.headers.get('location');
  await peer.setRemoteDescription({ type: 'answer', sdp });
}

async function counters() {
  const result = { frames: 0, energy: 0, state: '' };
  for (const peer of window.__spy.peers) {
    result.state = peer.connectionState;
    for (const stat of (await peer.getStats()).values()) {
      if (stat.type !== 'inbound-rtp') continue;
      result.frames += stat.framesDecoded ?? 0;
      result.energy += stat.totalAudioEnergy ?? 0;
    }
  }
  return result;
}

async function stopWatching(token) {
  const answer = await fetch(window.__session, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } });
  return answer.status;
}
