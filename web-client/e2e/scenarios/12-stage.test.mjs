// The stage of a video conference, at a desk and on a phone: a teacher shows a screen by its button and takes it away
// again; in the speaker layout whoever speaks is large.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  assertAccessible,
  assertFitsWidth,
  assertNothingCut,
  DESKTOP,
  launchBrowser,
  newPerson,
  PHONE,
  SMALL,
  screenshot,
} from '../harness/browser.mjs';
import { castOf } from '../harness/cast.mjs';
import { Hub } from '../harness/hub.mjs';
import { checkReady, inRoom, ownPeer, pictures, signIn } from '../harness/room.mjs';
import { equal, large, moves, tiles } from '../harness/stage.mjs';
import { until } from '../harness/until.mjs';

let hub;
let browser;
let item;
/** Each: { page, peer, name, look }. */
let teacher;
let desk;
let phone;

before(async () => {
  hub = await Hub.start();
  // What is shown as a screen is the page itself, really captured: a picture that no camera gives.
  browser = await launchBrowser({ args: ['--use-fake-device-for-media-stream=fps=10,display-media-type=browser'] });
  const cast = await castOf(hub, 'video_conference');
  item = cast.item;
  teacher = await enter(cast.teacher, 'teacher', SMALL);
  desk = await enter(cast.students[0], 'desktop', DESKTOP);
  phone = await enter(cast.students[1], 'phone', PHONE);
  for (const { page } of [teacher, desk, phone]) await pictures(page, 3);
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

const button = (page, name) => page.getByRole('button', { name, exact: true });

/** In the room with the camera on and the microphone off: who speaks is decided later. */
async function enter(code, device, viewport) {
  const page = await newPerson(browser, hub, { viewport });
  await signIn(page, code);
  await page.goto(`/room/${item.room}`);
  await checkReady(page);
  const [camera, microphone] = ['Включить камеру', 'Выключить микрофон'].map((name) => button(page, name));
  // A teacher starts with both on, a pupil with both off.
  if (await camera.isVisible()) await camera.click();
  await button(page, 'Выключить камеру').waitFor();
  if (await microphone.isVisible()) await microphone.click();
  await button(page, 'Включить микрофон').waitFor();
  await button(page, 'Войти в комнату').click();
  await inRoom(page);
  const peer = await ownPeer(page);
  const name = await page.evaluate(
    (own) => window.__spy.last.joined.members.find(({ peer: each }) => each === own).display_name,
    peer,
  );
  const look = async (what) => {
    await assertFitsWidth(page, what);
    // On the large tile the patronymic may be cut, whom a small one shows must be read.
    await assertNothingCut(page.getByRole('region', { name: 'Сцена' }), `${what}, ${device}`);
    await screenshot(page, `stage-${what}-${device}`);
    await assertAccessible(page, `${what}, ${device}`);
  };
  return { page, peer, name, look };
}

const bar = () => teacher.page.getByRole('navigation', { name: 'Управление' });
/** Runs in the page: whether a click on the middle of an element would reach it. */
function isOnTop(element) {
  const { left, top, width, height } = element.getBoundingClientRect();
  return element.contains(document.elementFromPoint(left + width / 2, top + height / 2));
}

/** The reminder of who shows a screen. */
const sharing = () => teacher.page.getByText('Вы показываете экран');

test('a screen that the teacher shows is large for the pupils, beside the camera', async () => {
  for (const { page } of [desk, phone]) await equal(page, 3);
  const screen = `Экран: ${teacher.name}`;
  await bar().getByRole('button', { name: 'Показать экран', exact: true }).click();
  await bar().getByRole('button', { name: 'Остановить показ экрана', exact: true }).waitFor();
  await sharing().waitFor();
  // Nothing lies over it, not even the news of who came just now.
  const stop = await sharing().getByRole('button').elementHandle();
  // The news stay twice as long.
  await until('the button that stops it is not covered', () => stop.evaluate(isOnTop), { within: 3_000 });
  for (const { page, look } of [desk, phone]) {
    await large(page, screen);
    const shown = await moves(page, screen, { kind: 'screen', peer: teacher.peer });
    // The teacher's page is dark there; the pretended camera is green everywhere.
    assert.ok(Math.max(...shown.pixel) < 80, `the captured page, not the camera: ${JSON.stringify(shown)}`);
    // The second picture does not take the first one's place.
    await moves(page, teacher.name, { kind: 'camera', peer: teacher.peer });
    await look('screen');
  }
  const hints = await teacher.page.evaluate(() =>
    window.__spy.peers.flatMap((peer) => peer.getSenders().flatMap(({ track }) => track?.contentHint || [])),
  );
  assert.deepEqual(hints, ['detail'], 'one track is sent as text that has to stay sharp');
  // One's own screen is not shown back: a hall of mirrors.
  assert.ok(!(await tiles(teacher.page)).some(({ name }) => name === screen));
  await teacher.look('screen');
});

test('a stopped screen is gone for everybody, and can be shown again', async () => {
  const screen = `Экран: ${teacher.name}`;
  const stopped = async () => {
    await bar().getByRole('button', { name: 'Показать экран', exact: true }).waitFor();
    await sharing().waitFor({ state: 'detached' });
    for (const { page } of [desk, phone]) {
      await equal(page, 3);
      await moves(page, teacher.name, { kind: 'camera', peer: teacher.peer });
    }
  };
  await bar().getByRole('button', { name: 'Остановить показ экрана', exact: true }).click();
  await stopped();
  await bar().getByRole('button', { name: 'Показать экран', exact: true }).click();
  for (const { page } of [desk, phone]) {
    await large(page, screen);
    await moves(page, screen, { kind: 'screen', peer: teacher.peer });
  }
  // The second time by the reminder above the stage.
  await sharing().getByRole('button', { name: 'Остановить показ экрана' }).click();
  await stopped();
  const capturing = await teacher.page.evaluate(() =>
    window.__spy.peers.flatMap((peer) => peer.getSenders().flatMap(({ track }) => track?.contentHint || [])),
  );
  assert.deepEqual(capturing, [], 'nothing is captured any more');
});

async function layout({ page }, name) {
  await button(page, 'Вид и устройства').click();
  await page.getByRole('menuitemradio', { name, exact: true }).click();
}

const speaks = ({ page }) => button(page, 'Включить микрофон').click();
const isSilent = ({ page }) => button(page, 'Выключить микрофон').click();

test('in the speaker layout whoever speaks is large, for each but the speaker', async () => {
  for (const one of [desk, phone]) await layout(one, 'Говорящий крупно');
  // While nobody has spoken it is the host.
  for (const { page } of [desk, phone]) await large(page, teacher.name);
  await speaks(phone);
  await large(desk.page, phone.name);
  await moves(desk.page, phone.name, { kind: 'camera', peer: phone.peer });
  await desk.look('speaker');
  await large(phone.page, teacher.name);
  await isSilent(phone);
  await speaks(desk);
  await large(phone.page, desk.name);
  await moves(phone.page, desk.name, { kind: 'camera', peer: desk.peer });
  await phone.look('speaker');
  await large(desk.page, phone.name);
  await isSilent(desk);
  await speaks(teacher);
  for (const { page } of [desk, phone]) {
    await large(page, teacher.name);
    await moves(page, teacher.name, { kind: 'camera', peer: teacher.peer });
  }
  // A pause changes nothing: who spoke last stays.
  await isSilent(teacher);
  await speaks(phone);
  await large(desk.page, phone.name);
  await isSilent(phone);
  await until('nobody speaks', () => desk.page.evaluate(() => window.__spy.last.speakers.peers.length === 0));
  await large(desk.page, phone.name);
});

test('the grid is back at a choice', async () => {
  for (const one of [desk, phone]) {
    await layout(one, 'Сетка');
    await equal(one.page, 3);
  }
  assert.deepEqual(
    [teacher, desk, phone].flatMap(({ page }) => page.errors),
    [],
  );
});
