// Frames that pages encrypt end to end (encoded transforms) pass the hub unharmed: who has the key sees and hears, who has
// not sees nothing, and the hub needs no byte of the payload to start, to switch layers and to ask for key frames.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchBrowser, newPerson, SMALL } from '../harness/browser.mjs';
import { castOf } from '../harness/cast.mjs';
import { Hub } from '../harness/hub.mjs';
import { signIn } from '../harness/room.mjs';
import { installSeats } from '../harness/seat.mjs';
import { until } from '../harness/until.mjs';

let hub;
let browser;
let cast;

before(async () => {
  hub = await Hub.start();
  browser = await launchBrowser();
  cast = await castOf(hub, 'video_conference');
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

async function seated(code) {
  const page = await newPerson(browser, hub, { viewport: SMALL });
  await page.addInitScript(installSeats);
  await signIn(page, code);
  return page;
}

/** Sends camera and microphone, encrypted with `phrase`, and has a slot of each kind. Without a phrase: watches only. */
const sit = (page, phrase, encodings) =>
  page.evaluate(
    async ([room, phrase, encodings]) => {
      const secret = phrase ? window.__seat.secretOf(phrase) : undefined;
      const camera = { kind: 'camera', codec: 'vp8', encodings, encrypted: true, picture: { width: 640, height: 360 } };
      const sends = phrase ? [camera, { kind: 'microphone', codec: 'opus', encrypted: true }] : [];
      window.__own = await window.__seat.open(room, { sends, secret, watches: { audio: 1, video: 1 } });
      return window.__own.id;
    },
    [cast.item.room, phrase, encodings],
  );

const ask = (page, peer, max_height = 1080) =>
  until('the source is told', () =>
    page.evaluate(
      ([peer, max_height]) => {
        const of = window.__own.sources.filter((view) => view.peer === peer && !view.muted);
        if (!of.some(({ kind }) => kind === 'camera')) return false;
        window.__seat.want(window.__own, [{ peer, kind: 'camera', max_height }]);
        return of.every(({ encrypted }) => encrypted);
      },
      [peer, max_height],
    ),
  );

const seen = (page) => page.evaluate(() => window.__seat.counters(window.__own));

async function decodes(page) {
  await until(
    'decrypted pictures are decoded and the voice is heard',
    async () => {
      const { video, audio, ...rest } = await seen(page);
      if (video[0]?.frames > 20 && audio[0]?.energy > 0) return true;
      throw new Error(JSON.stringify({ video, audio, ...rest }));
    },
    { within: 30_000, every: 200 },
  );
}

test('two pages with one key see and hear each other, a third without it neither', { timeout: 120_000 }, async () => {
  const [ann, bob, eve] = await Promise.all([cast.teacher, cast.students[0], cast.students[1]].map(seated));
  const teacher = await sit(ann, 'our key');
  const student = await sit(bob, 'our key');
  await sit(eve);
  await Promise.all([ask(ann, student), ask(bob, teacher), ask(eve, teacher)]);
  await Promise.all([decodes(ann), decodes(bob)]);
  // Whoever comes in the middle needs a key frame, which the hub must recognise without looking inside.
  const { video, audio } = await until('the stranger receives', async () => {
    const found = await seen(eve);
    if (found.video[0]?.packets > 100 && found.audio[0]?.packets > 50) return found;
    throw new Error(JSON.stringify(found));
  });
  assert.equal(video[0].frames, 0, 'pictures without the key');
  assert.ok(audio[0].packets > 50);
});
