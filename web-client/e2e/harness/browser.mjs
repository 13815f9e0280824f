// Chromium with a pretended camera and microphone, one context for each person.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 360, height: 740 };
/** For people whose picture nobody takes: less to draw. */
export const SMALL = { width: 800, height: 500 };

/** Four people on one machine encode and decode everything here, on two cores in CI. */
const SMALL_CAMERA = { width: 320, height: 180, frameRate: 10 };

const artefacts = fileURLToPath(new URL('../artefacts/', import.meta.url));

/** `program`: what to start instead of the browser, in a network of its own for example. */
export async function launchBrowser({ program, args = [] } = {}) {
  return chromium.launch({
    executablePath: program ?? process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-dev-shm-usage',
      // Ten pictures a second are enough to see that they arrive, and leave the machine to the others.
      '--use-fake-device-for-media-stream=fps=10',
      '--use-fake-ui-for-media-stream',
      '--autoplay-policy=no-user-gesture-required',
      '--disable-background-timer-throttling',
      '--disable-backgrounding-occluded-windows',
      '--disable-renderer-backgrounding',
      ...args,
    ],
  });
}

/** A person at a device: a context of their own and a page in it. */
export async function newPerson(
  browser,
  hub,
  { viewport = DESKTOP, colorScheme = 'light', media = true, camera = SMALL_CAMERA } = {},
) {
  const context = await browser.newContext({
    baseURL: hub.url,
    viewport,
    colorScheme,
    locale: 'ru-RU',
    timezoneId: 'Europe/Moscow',
    permissions: media ? ['camera', 'microphone'] : [],
    reducedMotion: 'reduce',
  });
  // Generous: without a graphics card the browser draws on the processors that everything else here needs too.
  context.setDefaultTimeout(30_000);
  await context.addInitScript(spyOnConnections, camera);
  const page = await context.newPage();
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(error.message));
  return page;
}

/** Runs in the page before its own code: keeps its peer connections and what the sockets carried, for looking at. */
function spyOnConnections(camera) {
  const spy = { peers: [], last: {}, seats: 0, members: new Map() };
  window.__spy = spy;
  const note = (message) => {
    spy.last[message.type] = message;
    if (message.type === 'joined') {
      spy.seats += 1;
      spy.members = new Map(message.members.map((member) => [member.peer, member]));
      spy.members.set(message.peer, spy.members.get(message.peer));
      // What an earlier seat was told no longer counts.
      for (const type of ['sources', 'slot_map', 'hand_queue', 'closed']) delete spy.last[type];
      spy.last.sources = { sources: message.sources };
      spy.last.hand_queue = { peers: message.hands };
    }
    if (message.type === 'member_joined' || message.type === 'member_changed')
      spy.members.set(message.member.peer, message.member);
    if (message.type === 'member_left') spy.members.delete(message.peer);
  };
  const devices = navigator.mediaDevices;
  const open = devices?.getUserMedia.bind(devices);
  if (open) {
    devices.getUserMedia = ({ video, ...rest }) =>
      open({
        ...rest,
        video: video && { ...(video === true ? {} : video), ...camera },
      });
  }
  const Peer = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Peer {
    constructor(...args) {
      super(...args);
      spy.peers.push(this);
    }
  };
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...args) {
      super(...args);
      this.addEventListener('message', (event) => {
        if (typeof event.data === 'string') note(JSON.parse(event.data));
      });
    }
  };
}

/** No serious or critical accessibility violation on the page as it stands. */
export async function assertAccessible(page, what) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const bad = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  if (bad.length === 0) return;
  const lines = bad.map(({ id, impact, help, nodes }) => {
    const where = nodes.slice(0, 3).map(({ target, failureSummary }) => `    ${target.join(' ')}: ${failureSummary}`);
    return `  ${impact} ${id}: ${help}\n${where.join('\n')}`;
  });
  throw new Error(`${what}: ${bad.length} accessibility violations\n${lines.join('\n')}`);
}

/** A picture for people to look at, kept beside the scenarios. */
export async function screenshot(page, name) {
  mkdirSync(artefacts, { recursive: true });
  await page.screenshot({ path: `${artefacts}${name}.png`, animations: 'disabled' });
}

/** Nothing sticks out to the side: what a toolbar cut off on a phone looks like. */
export async function assertFitsWidth(page, what) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  if (content > window) throw new Error(`${what}: the page is ${content} px wide on a ${window} px screen`);
}

/** No text inside is cut off with an ellipsis. */
export async function assertNothingCut(locator, what) {
  const cut = await locator.evaluate((frame) => {
    // Exact to the fraction of a pixel: a text that is too long by half of one loses its last letters.
    const isCut = (each) => {
      const text = document.createRange();
      text.selectNodeContents(each);
      return text.getBoundingClientRect().width > each.getBoundingClientRect().width + 0.05;
    };
    return [...frame.querySelectorAll('*')]
      .filter((each) => getComputedStyle(each).textOverflow === 'ellipsis' && isCut(each))
      .map((each) => each.textContent);
  });
  if (cut.length > 0) throw new Error(`${what}: cut off: ${cut.join(', ')}`);
}
