// Every codec and every kind of layers through the hub, sent by Chromium and decoded by Chromium: pictures go on, sound
// arrives, the picture's size follows what the layout asks for, lips and voice stay together.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchBrowser, newPerson, SMALL } from '../harness/browser.mjs';
import { castOf } from '../harness/cast.mjs';
import { Hub } from '../harness/hub.mjs';
import { joinByLink, leaveRoom, signIn } from '../harness/room.mjs';
import { installSeats } from '../harness/seat.mjs';
import { until } from '../harness/until.mjs';

/** Lips and voice may part by this much (ITU-R BT.1359: noticed from 45 ms early to 125 ms late; here the half of both). */
const LIPS_MS = 80;

let hub;
let browser;
let cast;
let room;
let teacher;
let student;

before(async () => {
  hub = await Hub.start({ env: { KAFEDRA_MEDIA__CAMERA_CODEC: 'vp9' } });
  browser = await launchBrowser();
  cast = await castOf(hub, 'video_conference');
  room = cast.item.room;
  [teacher, student] = await Promise.all([seated(cast.teacher), seated(cast.students[0])]);
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

async function seated(code) {
  const person = await newPerson(browser, hub, { viewport: SMALL });
  await person.addInitScript(installSeats);
  await signIn(person, code);
  return person;
}

/** The teacher sends, the student watches; both on fresh seats. `within`: what the scenario asserts in between. */
async function sent(sends, within, { flashes = false } = {}) {
  try {
    await teacher.evaluate(
      async ([room, sends, flashes]) => {
        window.__sender = await window.__seat.open(room, { sends, flashes });
      },
      [room, sends, flashes],
    );
    await student.evaluate(async (room) => {
      window.__watcher = await window.__seat.open(room, { watches: { audio: 1, video: 1 } });
    }, room);
    const kinds = sends.map(({ kind }) => kind);
    await until('sources are told', () =>
      student.evaluate((kinds) => {
        const on = window.__watcher.sources.filter(({ muted }) => !muted).map(({ kind }) => kind);
        return kinds.every((kind) => on.includes(kind));
      }, kinds),
    );
    await within();
  } finally {
    // A seat on a socket that is gone would be kept.
    for (const page of [student, teacher])
      await page.evaluate(() => {
        for (const seat of [window.__watcher, window.__sender]) {
          if (!seat) continue;
          seat.say({ type: 'leave' });
          seat.peer.close();
          seat.socket.close();
        }
        window.__watcher = undefined;
        window.__sender = undefined;
        for (const element of document.querySelectorAll('body > audio, body > video')) element.remove();
      });
  }
}

const ask = (kind, max_height) =>
  student.evaluate(
    ([kind, max_height]) => window.__seat.want(window.__watcher, [{ kind, max_height }]),
    [kind, max_height],
  );
const seen = () => student.evaluate(() => window.__seat.counters(window.__watcher));

/** Pictures of this codec are decoded, at a height that `fits`, and go on. */
async function shown(codec, fits = () => true) {
  const first = await until(
    `${codec} is decoded`,
    async () => {
      const { video, ...rest } = await seen();
      const [row] = video;
      if (row?.codec === codec && row.frames > 5 && fits(row.height)) return row;
      throw new Error(JSON.stringify({ video, ...rest }));
    },
    { within: 25_000, every: 200 },
  );
  await until(`${codec} goes on`, async () => {
    const [row] = (await seen()).video;
    if (row.frames > first.frames + 5 && fits(row.height)) return true;
    throw new Error(JSON.stringify(row));
  });
}

async function heard() {
  const before = (await seen()).audio[0]?.energy ?? 0;
  await until('the voice is heard', async () => {
    const { audio } = await seen();
    if (audio[0]?.energy > before) return true;
    throw new Error(JSON.stringify(audio));
  });
}

const CAMERA = { kind: 'camera', picture: { width: 960, height: 540, fps: 12 } };
const MICROPHONE = { kind: 'microphone' };
const simulcast = (extra = {}) => [
  { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 120_000, ...extra },
  { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 400_000, ...extra },
  { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1_300_000, ...extra },
];
const svc = [{ maxBitrate: 1_500_000, scalabilityMode: 'L3T3_KEY' }];

const LAYERED = [
  ['VP8 in three simulcast layers', 'vp8', simulcast({ scalabilityMode: 'L1T3' })],
  ['VP9 with layers inside (SVC)', 'vp9', svc],
  ['AV1 with layers inside (SVC)', 'av1', svc],
];

for (const [name, codec, encodings] of LAYERED) {
  test(`${name}: decoded, heard, and as large as it is drawn`, { timeout: 100_000 }, async () => {
    await sent([{ ...CAMERA, codec, encodings }, MICROPHONE], async () => {
      await ask('camera', 135);
      await shown(codec, (height) => height <= 140);
      await heard();
      await ask('camera', 1080);
      await shown(codec, (height) => height > 400);
      await ask('camera', 270);
      await shown(codec, (height) => height > 140 && height <= 270);
    });
  });
}

test('H264: decoded and heard', { timeout: 60_000 }, async () => {
  await sent([{ ...CAMERA, codec: 'h264' }, MICROPHONE], async () => {
    await ask('camera', 1080);
    await shown('h264');
    await heard();
  });
});

test('a shared screen with its sound: whole and sharp, beside the camera', { timeout: 60_000 }, async () => {
  const screen = {
    kind: 'screen',
    codec: 'vp9',
    encodings: [{ maxBitrate: 2_500_000, maxFramerate: 15, scalabilityMode: 'L1T3' }],
    picture: { width: 1280, height: 720, fps: 5 },
    hint: 'detail',
  };
  await sent([screen, { kind: 'screen_audio' }], async () => {
    await ask('screen', 1080);
    await shown('vp9', (height) => height === 720);
    await heard();
  });
});

test('lips and voice stay together, also after the slot changed its layer and its source', {
  timeout: 150_000,
}, async () => {
  const camera = { ...CAMERA, codec: 'vp8', encodings: simulcast(), picture: { ...CAMERA.picture, fps: 25 } };
  await sent(
    [camera, MICROPHONE, { kind: 'screen', codec: 'vp8', picture: 'same' }],
    async () => {
      for (const [kind, height] of [
        ['camera', 135],
        ['camera', 1080],
        ['screen', 1080],
        ['camera', 1080],
      ]) {
        await ask(kind, height);
        await until('the slot carries it', () =>
          student.evaluate((kind) => {
            const { slots, sources } = window.__watcher;
            return slots.some(({ source }) => sources.some((view) => view.source === source && view.kind === kind));
          }, kind),
        );
        await shown('vp8', (is) => (height < 400 ? is <= 140 : is > 400));
        const late = await student.evaluate(() => window.__seat.lips(window.__watcher, 11_000));
        late.sort((a, b) => a - b);
        const median = late[Math.floor(late.length / 2)];
        assert.ok(late.length >= 3, `flashes with beeps: ${late}`);
        assert.ok(
          Math.abs(median) <= LIPS_MS,
          `${kind} at ${height}: the picture is ${median} ms behind the voice (${late})`,
        );
        // What the browser itself plans with: the sender's clock at which each is played now.
        const { audio, video } = await seen();
        const planned = video[0].plays - audio[0].plays;
        console.log(`lips, ${kind} at ${height}: ${Math.round(median)} ms shown, ${Math.round(planned)} ms planned`);
        assert.ok(Math.abs(planned) <= LIPS_MS, `${kind} at ${height}: planned ${planned} ms apart`);
      }
    },
    { flashes: true },
  );
});

test('what nobody watches is not even sent: layers within a stream, and whole ones', { timeout: 150_000 }, async () => {
  // What a camera of the web client sends, largest last: the mode, the height, and whether it goes on.
  const outbound = (page) =>
    page.evaluate(async () => {
      const peer = window.__spy.peers.at(-1);
      const rows = async () =>
        [...(await peer.getStats()).values()].filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video');
      const before = new Map((await rows()).map(({ id, framesSent }) => [id, framesSent]));
      await new Promise((resolve) => setTimeout(resolve, 700));
      return (await rows())
        .filter(({ id, framesSent }) => framesSent > (before.get(id) ?? 0))
        .map(({ scalabilityMode, frameHeight, rid }) => ({ scalabilityMode, height: frameHeight, rid }))
        .sort((a, b) => a.height - b.height);
    });
  const sends = (page, what, fits) =>
    until(
      what,
      async () => {
        const rows = await outbound(page);
        if (fits(rows)) return rows;
        throw new Error(JSON.stringify(rows));
      },
      { within: 25_000, every: 300 },
    );
  for (const [codec, processors] of [
    ['vp9', 8],
    ['vp8', 2],
  ]) {
    const page = await newPerson(browser, hub, { viewport: SMALL, camera: { width: 960, height: 540, frameRate: 10 } });
    await page.addInitScript((count) => {
      Object.defineProperty(Navigator.prototype, 'hardwareConcurrency', { get: () => count });
    }, processors);
    await signIn(page, cast.teacher);
    await joinByLink(page, cast.item);
    await student.evaluate(async (room) => {
      window.__watcher = await window.__seat.open(room, { watches: { audio: 1, video: 1 } });
    }, room);
    await until('the camera is told', () =>
      student.evaluate(() => window.__watcher.sources.some(({ kind, muted }) => kind === 'camera' && !muted)),
    );
    await ask('camera', 1080);
    await shown(codec, (height) => height > 400);
    await sends(
      page,
      'all of it is sent',
      (rows) => rows.at(-1)?.height === 540 && rows.length === (codec === 'vp9' ? 1 : 3),
    );
    await ask('camera', 135);
    await shown(codec, (height) => height <= 140);
    await sends(page, 'only the smallest is sent', (rows) => rows.length === 1 && rows[0].height === 135);
    await ask('camera', 270);
    await shown(codec, (height) => height === 270);
    await sends(
      page,
      'and one more',
      (rows) => rows.at(-1)?.height === 270 && rows.every(({ height }) => height <= 270),
    );
    await ask('camera', 0);
    await sends(page, 'nothing is sent', (rows) => rows.length === 0);
    await ask('camera', 1080);
    await shown(codec, (height) => height > 400);
    await student.evaluate(() => {
      window.__watcher.say({ type: 'leave' });
      window.__watcher.peer.close();
      window.__watcher.socket.close();
      window.__watcher = undefined;
    });
    await leaveRoom(page);
    await page.context().close();
  }
});

test('the web client sends what the school wants where the device can, else VP8 in layers', {
  timeout: 90_000,
}, async () => {
  // The teacher's laptop has eight processors, the student's two.
  const sent = async (code, processors) => {
    const page = await newPerson(browser, hub, { viewport: SMALL });
    await page.addInitScript((count) => {
      Object.defineProperty(Navigator.prototype, 'hardwareConcurrency', { get: () => count });
    }, processors);
    await signIn(page, code);
    await joinByLink(page, cast.item);
    return page;
  };
  const outbound = (page) =>
    page.evaluate(async () => {
      const stats = await window.__spy.peers.at(-1).getStats();
      const rows = [...stats.values()].filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video');
      const flowing = rows.filter(({ framesSent }) => framesSent > 5);
      return flowing.map(({ codecId, scalabilityMode, rid }) => ({
        codec: stats.get(codecId)?.mimeType,
        scalabilityMode,
        rid,
      }));
    });
  const pages = [await sent(cast.teacher, 8), await sent(cast.students[0], 2)];
  const [strong, weak] = await Promise.all(
    pages.map((page) =>
      until('a camera is sent', async () => {
        const rows = await outbound(page);
        return rows.length > 0 && rows;
      }),
    ),
  );
  assert.equal(strong[0].codec, 'video/VP9');
  assert.match(strong[0].scalabilityMode, /^L[1-3]T3/);
  assert.equal(weak[0].codec, 'video/VP8');
  assert.ok(weak[0].rid, 'simulcast');
  for (const page of pages) await leaveRoom(page);
});
