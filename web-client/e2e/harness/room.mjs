// What a person does in the web client, by the names that a screen reader would read out.
import { PASSWORD } from './hub.mjs';
import { until } from './until.mjs';

/** Signs in; a page that does not come to the timetable is told of with what it shows instead. */
export async function signIn(page, code, password = PASSWORD) {
  const failed = [];
  const keep = (request) => failed.push(`${request.url()}: ${request.failure()?.errorText}`);
  page.on('requestfailed', keep);
  try {
    await page.goto('/sign-in');
    await page.getByLabel('Логин').fill(code);
    await page.getByLabel('Пароль', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Войти', exact: true }).click();
    await page.getByRole('heading', { name: 'Расписание консультаций' }).waitFor();
  } catch (cause) {
    const shown = await page.locator('body').innerText();
    throw new Error(`${code} is not signed in; ${page.url()} shows: ${shown}\n${failed.join('\n')}`, { cause });
  } finally {
    page.off('requestfailed', keep);
  }
}

/** From the timetable to the device check, or straight into a chat. */
export async function openFromTimetable(page, item) {
  await page
    .getByRole('link', { name: new RegExp(`: ${quoted(item.title)}$`) })
    .first()
    .click();
}

/**
 * Past the device check into the room, camera and microphone on where the form lets this person send. Recipients of a
 * conference start with both off, hosts with both on.
 */
export async function enterRoom(page) {
  await checkReady(page);
  for (const device of ['микрофон', 'камеру']) {
    const toggle = page.getByRole('button', { name: new RegExp(`^(Включить|Выключить) ${device}$`) });
    if ((await toggle.count()) === 0) continue;
    if ((await toggle.getAttribute('aria-label'))?.startsWith('Включить')) await toggle.click();
    await page.getByRole('button', { name: `Выключить ${device}` }).waitFor();
  }
  await page.getByRole('button', { name: 'Войти в комнату' }).click();
  await inRoom(page);
}

export async function joinFromTimetable(page, item) {
  await openFromTimetable(page, item);
  if (item.form === 'chat') await inRoom(page);
  else await enterRoom(page);
}

/** By the link of the room, as from a bookmark. */
export async function joinByLink(page, item) {
  await page.goto(`/room/${item.room}`);
  if (item.form === 'chat') await inRoom(page);
  else await enterRoom(page);
}

/** The hub has given a seat: the page drew the room. */
export async function inRoom(page) {
  await until('a seat in the room', () => page.evaluate(() => Boolean(window.__spy.last.joined)));
}

/** The device check has found camera and microphone. */
export async function checkReady(page) {
  await page.getByRole('button', { name: 'Войти в комнату' }).waitFor();
}

/** At least so many moving pictures on the page. */
export async function pictures(page, count) {
  await until(`${count} pictures`, () =>
    page.evaluate(
      (wanted) => [...document.querySelectorAll('video')].filter(({ videoWidth }) => videoWidth > 0).length >= wanted,
      count,
    ),
  );
}

export async function raiseHand(page) {
  await page.getByRole('button', { name: 'Поднять руку', exact: true }).click();
  await lowerHandButton(page).waitFor();
}

export function lowerHandButton(page) {
  return page.getByRole('button', { name: 'Опустить руку', exact: true });
}

/** The teacher gives the floor to the first hand of the queue. */
export async function giveFloor(page) {
  await openParticipants(page);
  await page
    .getByRole('button', { name: /^Дать слово/ })
    .first()
    .click();
}

/** Who was given the floor switches on what they may. */
export async function takeFloor(page) {
  for (const name of ['Включить микрофон', 'Включить камеру']) {
    await page.getByRole('button', { name, exact: true }).click();
  }
}

/** Out by the button; on a phone an open panel covers the bar and is closed first. */
export async function leaveRoom(page) {
  const close = page.getByRole('complementary').getByRole('button', { name: 'Закрыть' });
  if ((await close.count()) > 0) await close.click();
  await page.getByRole('button', { name: 'Выйти из комнаты' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Выйти', exact: true }).click();
  await page.getByRole('heading', { name: 'Вы вышли из консультации' }).waitFor();
}

export function ended(page) {
  return page.getByRole('heading', { name: 'Консультация завершена' });
}

export async function openParticipants(page) {
  await openPanel(page, /^Участники: /);
  await page.getByRole('region', { name: 'Участники' }).getByRole('listitem').first().waitFor();
}

export async function openChat(page) {
  await openPanel(page, /^Чат(:|$)/);
}

async function openPanel(page, name) {
  const button = page.getByRole('button', { name });
  if ((await button.getAttribute('aria-expanded')) !== 'true') await button.click();
}

/**
 * Without the web client: a socket of the page's own joins `room` and offers to send a picture. Gives the hub's first
 * answer to the offer, or its refusal of the join.
 */
export function publishByHand(page, room) {
  return page.evaluate(async (wanted) => {
    const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/ws`);
    const peer = new RTCPeerConnection();
    peer.addTransceiver('video', { direction: 'sendonly' });
    const send = (message) => socket.send(JSON.stringify(message));
    try {
      return await new Promise((resolve, reject) => {
        setTimeout(() => reject(new Error('no answer')), 15_000);
        socket.onerror = () => reject(new Error('no socket'));
        socket.onclose = ({ code }) => reject(new Error(`closed ${code}`));
        socket.onopen = () => send({ type: 'hello', version: 1 });
        socket.onmessage = async ({ data }) => {
          const message = JSON.parse(data);
          if (message.type === 'welcome') send({ type: 'join', room: wanted });
          if (message.type === 'joined') {
            const offer = await peer.createOffer();
            await peer.setLocalDescription(offer);
            const [{ mid }] = peer.getTransceivers();
            send({ type: 'offer', id: 1, sdp: offer.sdp, sends: [{ mid, kind: 'camera' }] });
          }
          if (message.type === 'answer' || message.type === 'error') {
            send({ type: 'leave' });
            resolve(message);
          }
        };
      });
    } finally {
      peer.close();
      socket.close();
    }
  }, room);
}

export async function writeChat(page, text) {
  const box = page.getByRole('textbox', { name: 'Сообщение', exact: true });
  await box.fill(text);
  await box.press('Enter');
}

export async function seesChat(page, text) {
  await page.getByRole('log').getByText(text, { exact: true }).waitFor();
}

/** The name of this person's seat. */
export function ownPeer(page) {
  return page.evaluate(() => window.__spy.last.joined.peer);
}

/**
 * What arrives at this person now: by the sender's peer id, pictures decoded and sound energy, both growing counters.
 */
export function arrivals(page) {
  return page.evaluate(async () => {
    const { last, peers } = window.__spy;
    const sources = last.sources?.sources ?? [];
    const slots = new Map((last.slot_map?.slots ?? []).map(({ mid, source }) => [mid, source]));
    const result = {};
    for (const connection of peers) {
      if (connection.connectionState === 'closed') continue;
      for (const stat of (await connection.getStats()).values()) {
        if (stat.type !== 'inbound-rtp') continue;
        const source = sources.find((each) => each.source === slots.get(stat.mid));
        if (!source) continue;
        result[source.peer] ??= { frames: 0, energy: 0 };
        const seen = result[source.peer];
        if (stat.kind === 'video' && source.kind === 'camera') seen.frames += stat.framesDecoded ?? 0;
        if (stat.kind === 'audio' && source.kind === 'microphone') seen.energy += stat.totalAudioEnergy ?? 0;
      }
    }
    return result;
  });
}

/** For `seconds`, in windows of a few seconds each, pictures and sound of everyone else arrive at everyone. */
export async function assertAllSeeAndHearAll(people, seconds) {
  const peers = await Promise.all(people.map(ownPeer));
  const others = (index) => peers.filter((peer) => peer !== peers[index]);
  const complete = (seen, index) => others(index).every((peer) => seen[peer]?.frames > 0 && seen[peer]?.energy > 0);
  const missing = (seen, before, index) =>
    others(index).filter(
      (peer) => !(seen[peer]?.frames > before[peer].frames && seen[peer]?.energy > before[peer].energy),
    );

  let before = await Promise.all(
    people.map((page, index) =>
      until(
        `person ${index} receives from everyone`,
        async () => {
          const seen = await arrivals(page);
          if (complete(seen, index)) return seen;
          throw new Error(`others ${others(index)}, arriving ${JSON.stringify(seen)}`);
        },
        { within: 30_000, every: 300 },
      ),
    ),
  );
  const end = Date.now() + seconds * 1_000;
  while (Date.now() < end) {
    before = await Promise.all(
      people.map((page, index) =>
        until(
          `person ${index} goes on receiving`,
          async () => {
            const seen = await arrivals(page);
            const still = missing(seen, before[index], index);
            if (still.length === 0) return seen;
            throw new Error(`nothing new from ${still}; ${JSON.stringify(seen)}`);
          },
          { within: 6_000, every: 500 },
        ),
      ),
    );
  }
}

function quoted(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
