// Programs publish by WHIP and browsers watch by WHEP: an independent client (aiortc) sends, Chromium decodes; and the
// people in the room see it too.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launchBrowser, newPerson } from '../harness/browser.mjs';
import { castOf } from '../harness/cast.mjs';
import { Hub } from '../harness/hub.mjs';
import { until } from '../harness/until.mjs';

const interop = fileURLToPath(new URL('../../../scripts/interop/', import.meta.url));

let hub;
let browser;
let publisher;

before(async () => {
  hub = await Hub.start();
  browser = await launchBrowser();
});

after(async () => {
  publisher?.kill('SIGKILL');
  await browser?.close();
  await hub?.stop();
});

test('what aiortc publishes by WHIP, Chromium watches by WHEP', async () => {
  const python = execFileSync(`${interop}install.sh`, { encoding: 'utf8' }).trim();
  const { item, teacher } = await castOf(hub, 'video_conference');
  const program = await hub.as(teacher);
  const { token } = await program.post('/api/v1/tokens', {
    scopes: ['room.publish', 'room.watch'],
    expires_in_s: 600,
  });

  const args = [
    'publish',
    '--hub',
    hub.url,
    '--room',
    item.room,
    '--token',
    token,
    '--label',
    'board',
    '--seconds',
    '120',
  ];
  publisher = spawn(python, [`${interop}aiortc_client.py`, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [publisher.stdout, publisher.stderr]) {
    stream.on('data', (chunk) => {
      said += chunk;
    });
  }
  await until(
    'aiortc is connected',
    () => {
      if (said.includes('"connected"')) return true;
      throw new Error(`aiortc said: ${said.slice(-2_000)}`);
    },
    { within: 60_000 },
  );

  const page = await newPerson(browser, hub);
  await page.goto('/sign-in');
  await page.evaluate(watch, { room: item.room, token, sources: 'board' });
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
