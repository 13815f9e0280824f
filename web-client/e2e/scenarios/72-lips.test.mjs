// Lips and voice in the room itself, with its nine picture slots and four voice slots, over a line that makes pictures late
// and voices not: a browser keeps a picture and a voice together only where both are of one stream, so the hub puts a voice
// into the slot beside its picture. (Without that the browser plans nothing, and the first step below fails.)
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchBrowser, newPerson, SMALL } from '../harness/browser.mjs';
import { castOf } from '../harness/cast.mjs';
import { Hub } from '../harness/hub.mjs';
import { Jitter } from '../harness/jitter.mjs';
import { joinByLink, pictures, signIn } from '../harness/room.mjs';
import { installSeats } from '../harness/seat.mjs';
import { until } from '../harness/until.mjs';

/** As in 71-codecs, by the browser's own plan. */
const LIPS_MS = 80;
/** What is seen and heard over this line: before it is noticed (ITU-R BT.1359). */
const NOTICED_MS = 125;

let hub;
let browser;
let line;
let teacher;
let student;

before(async () => {
  hub = await Hub.start({ jitter: (port) => Jitter.before(port, 30) });
  line = hub.line;
  browser = await launchBrowser();
  const cast = await castOf(hub, 'individual');
  const seated = async (code) => {
    const person = await newPerson(browser, hub, { viewport: SMALL });
    await person.addInitScript(installSeats);
    await signIn(person, code);
    return person;
  };
  [teacher, student] = [await seated(cast.teacher), await seated(cast.students[0])];
  await teacher.evaluate(
    async ([room, sends]) => {
      window.__sender = await window.__seat.open(room, { sends, flashes: true });
    },
    [
      cast.item.room,
      [{ kind: 'camera', codec: 'vp8', picture: { width: 640, height: 360, fps: 25 } }, { kind: 'microphone' }],
    ],
  );
  await joinByLink(student, cast.item);
  await pictures(student, 1);
});

after(async () => {
  await browser?.close();
  await hub?.stop();
  line?.end();
});

/** By how many ms the picture is behind the voice, by the browser's own plan. */
const planned = () =>
  student.evaluate(async () => {
    const peer = window.__spy.peers.at(-1);
    const rows = [...(await peer.getStats()).values()].filter(
      ({ type, bytesReceived }) => type === 'inbound-rtp' && bytesReceived > 0,
    );
    const plays = (wanted) => rows.find(({ kind }) => kind === wanted)?.estimatedPlayoutTimestamp;
    return plays('audio') - plays('video');
  });

test('pictures that come unevenly do not fall behind the voice', { timeout: 120_000 }, async () => {
  const seen = await until(
    'lips and voice are together',
    async () => {
      const late = await planned();
      if (Math.abs(late) <= LIPS_MS) return late;
      throw new Error(`${late} ms apart`);
    },
    { within: 30_000, every: 1_000 },
  );
  const late = await student.evaluate(() => window.__seat.lips({ peer: window.__spy.peers.at(-1) }, 11_000));
  late.sort((a, b) => a - b);
  const median = late[Math.floor(late.length / 2)];
  console.log(`lips: ${Math.round(median)} ms shown, ${Math.round(seen)} ms planned`);
  assert.ok(late.length >= 3, `flashes with beeps: ${late}`);
  assert.ok(Math.abs(median) <= NOTICED_MS, `the picture is ${median} ms behind the voice (${late})`);
});
