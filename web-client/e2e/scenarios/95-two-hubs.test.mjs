// Two whole hubs of one school on one Redis: who is in a room of one is seen on the other, and a Redis that was away
// heals by itself. The second hub begins with a copy of the first one's data, so that both know the same people.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchBrowser, newPerson, SMALL } from '../harness/browser.mjs';
import { castOf } from '../harness/cast.mjs';
import { Hub } from '../harness/hub.mjs';
import { Redis } from '../harness/redis.mjs';
import { joinByLink, leaveRoom, signIn } from '../harness/room.mjs';
import { until } from '../harness/until.mjs';

/** How much later than its own hub the other may show somebody who came. */
const SEEN_WITHIN_MS = 1_000;
/** How long after a hub's death its people may still be shown by the other (SAFETY's figure). */
const FORGOTTEN_WITHIN_MS = 8_000;

let redis;
let first;
let second;
let browser;
let cast;
let teacher;
/** The deputy head, who may see the whole school, signed in on each hub. */
let onFirst;
let onSecond;

before(async () => {
  redis = await Redis.start();
  const env = {
    KAFEDRA_PRESENCE__BACKEND: 'redis',
    KAFEDRA_PRESENCE__URL: redis.url,
    // These tests look more often than a person may.
    KAFEDRA_LIMITS__API_PER_SECOND: '200',
  };
  first = await Hub.start({ env });
  cast = await castOf(first, 'video_conference');
  await first.halt();
  second = await Hub.start({ env, twin: first });
  await first.startAgain();
  onFirst = await first.as('D-001');
  onSecond = await second.as('D-001');
  browser = await launchBrowser();
  teacher = await newTeacher();
});

after(async () => {
  await browser?.close();
  await first?.stop();
  await second?.stop();
  await redis?.stop();
});

async function newTeacher() {
  const page = await newPerson(browser, first, { viewport: SMALL });
  await signIn(page, cast.teacher);
  return page;
}

/** The teacher's rows in what a hub says of who is online. */
async function rows(program) {
  const { people } = await program.get('/api/v1/presence');
  return people.filter(({ person }) => person === hostId());
}

const hostId = () => cast.item.host.id;

/** Waits until a hub shows the teacher in the room; gives when it was asked and when it had answered. */
function shown(program) {
  return until(
    `the teacher is shown on ${program.hub.url}`,
    async () => {
      const asked = Date.now();
      const found = await rows(program);
      if (found.some(({ room }) => room === cast.item.room)) return { asked, answered: Date.now(), found };
      throw new Error(JSON.stringify(found));
    },
    { every: 20 },
  );
}

/** Waits until a hub no longer shows the teacher; gives when it was asked and when it had answered. */
function gone(program, { within } = {}) {
  return until(
    `the teacher is no longer shown on ${program.hub.url}`,
    async () => {
      const asked = Date.now();
      const found = await rows(program);
      if (found.length === 0) return { asked, answered: Date.now() };
      throw new Error(JSON.stringify(found));
    },
    { within, every: 20 },
  );
}

/** Who is gone from the first hub is gone from the second at most a second later. */
async function isGoneFromBoth() {
  const [here, there] = await Promise.all([gone(onFirst), gone(onSecond)]);
  const took = there.answered - here.asked;
  assert.ok(took <= SEEN_WITHIN_MS, `gone from the other hub ${took} ms later`);
}

/** Who joins on the first hub is on the second at most a second later. */
async function joinsAndIsSeen(t) {
  const [here, there] = await Promise.all([shown(onFirst), shown(onSecond), joinByLink(teacher, cast.item)]);
  // From before the first hub knew to after the second had said it: never less than it really took.
  const took = there.answered - here.asked;
  t.diagnostic(`seen on the other hub at most ${Math.max(0, took)} ms later`);
  assert.ok(took <= SEEN_WITHIN_MS, `seen on the other hub ${took} ms later`);
  return there.found;
}

test('who joins on one hub is shown by the other within a second, by name and room', async (t) => {
  assert.deepEqual(await rows(onSecond), []);
  const found = await joinsAndIsSeen(t);
  // The name does not travel through Redis: the second hub takes it out of its own store.
  assert.deepEqual(found, [{ person: hostId(), display_name: cast.item.host.display_name, room: cast.item.room }]);
});

test('who leaves there is no longer shown here', async () => {
  await leaveRoom(teacher);
  await isGoneFromBoth();
});

test('who closes the page is no longer shown either', async (t) => {
  await joinsAndIsSeen(t);
  await teacher.context().close();
  await isGoneFromBoth();
});

test('a Redis that falls costs neither hub its own people, and both heal', async (t) => {
  teacher = await newTeacher();
  await joinsAndIsSeen(t);
  await redis.stop();
  const ready = async (hub) => (await (await fetch(`${hub.url}/readyz`)).json()).parts.find(isPresence).ok;
  for (const hub of [first, second]) await until('the hub says that presence is away', async () => !(await ready(hub)));
  assert.equal((await rows(onFirst)).length, 1, 'the own hub goes on showing its people');
  assert.equal((await rows(onSecond)).length, 1, 'the last word of the other hub stays');
  // What happens meanwhile is told afterwards.
  await leaveRoom(teacher);
  await gone(onFirst);
  await redis.launch();
  for (const hub of [first, second]) await until('the hub says that presence is back', () => ready(hub));
  await gone(onSecond, { within: FORGOTTEN_WITHIN_MS });
  await joinsAndIsSeen(t);
});

test('a hub that dies takes its people along, after its beats have stayed away', async () => {
  await first.kill();
  await gone(onSecond, { within: FORGOTTEN_WITHIN_MS });
  await first.startAgain();
  // The page comes back to its seat by itself.
  await shown(onSecond);
  assert.deepEqual(teacher.errors, []);
});

function isPresence({ name }) {
  return name === 'presence';
}
