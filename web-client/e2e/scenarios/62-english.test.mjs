// English from the sign-in to the end of a lesson, by the names that a screen reader would read out: a teacher at a desk,
// who switches in the account menu, and a pupil with a phone, who switches on the sign-in page; then every section.
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
  screenshot,
} from '../harness/browser.mjs';
import { castOf } from '../harness/cast.mjs';
import { Hub, PASSWORD } from '../harness/hub.mjs';
import { collectSchoolWords, foreignTexts, recordShown } from '../harness/language.mjs';
import { inRoom, openFromTimetable, pictures, signIn } from '../harness/room.mjs';

let hub;
let browser;
let cast;
let teacher;
let pupil;
/** What was not English on the pages that were looked at: told all at once, at the end. */
const foreign = [];

before(async () => {
  hub = await Hub.start();
  browser = await launchBrowser();
  cast = await castOf(hub, 'video_conference');
  [teacher, pupil] = await Promise.all([newcomer('desktop', DESKTOP), newcomer('phone', PHONE)]);
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

async function newcomer(device, viewport) {
  const page = await newPerson(browser, hub, { viewport });
  await page.addInitScript(recordShown);
  const words = collectSchoolWords(page);
  const read = async (what) => {
    for (const text of await foreignTexts(page, words)) foreign.push(`${what}: ${text}`);
    assert.equal(await page.getAttribute('html', 'lang'), 'en', what);
  };
  const look = async (name) => {
    const what = `${name}, ${device}`;
    await read(what);
    await assertFitsWidth(page, what);
    await assertAccessible(page, what);
    await screenshot(page, `english-${name}-${device}`);
  };
  /** What stood there before the language was switched does not count. */
  const forget = () => foreignTexts(page, words);
  return { page, look, read, forget };
}

const both = (act) => Promise.all([teacher, pupil].map(act));

const button = (page, name) => page.getByRole('button', { name, exact: true });
const account = (page) => page.getByRole('button', { name: /^(Account|Учётная запись): / });
const timetable = (page) => page.getByRole('heading', { name: 'Timetable of consultations', exact: true });

/** On the sign-in page, in English. */
async function enter(page, code, password) {
  await page.getByLabel('Login').fill(code);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await button(page, 'Sign in').click();
}

test('the account menu switches the language, and sign-out leaves it', async () => {
  const { page, look, forget } = teacher;
  await signIn(page, cast.teacher);
  await account(page).click();
  await page.getByRole('menuitemradio', { name: 'English', exact: true }).click();
  await timetable(page).waitFor();
  await forget();
  await account(page).click();
  await page.getByRole('menuitem', { name: 'Sign out', exact: true }).click();
  await page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor();
  await look('sign-in');
  await enter(page, cast.teacher, PASSWORD);
  await timetable(page).waitFor();
});

test('the sign-in page switches the language, and refuses in it', async () => {
  const { page, look, forget } = pupil;
  await page.goto('/sign-in');
  await page.getByRole('heading', { name: 'Вход' }).waitFor();
  await button(page, 'English').click();
  // The switch stands at the end of the page.
  await page.keyboard.press('Home');
  await page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor();
  await forget();
  await look('sign-in');
  await button(page, 'Sign in').click();
  await page.getByText('Enter the login', { exact: true }).waitFor();
  await enter(page, cast.students[0], 'not the password');
  await page.getByRole('alert').filter({ hasText: 'Login or password do not match' }).waitFor();
  await look('sign-in-refused');
  await enter(page, cast.students[0], PASSWORD);
  await timetable(page).waitFor();
});

test('the choice survives a reload', async () => {
  await both(async ({ page, look }) => {
    await page.reload();
    await timetable(page).waitFor();
    await look('reload');
  });
});

test('the timetable: now, by day, as a week, and the details of a consultation', async () => {
  await both(async ({ page, look }) => {
    await page.getByRole('heading', { name: 'Now', exact: true }).waitFor();
    await page.getByRole('article', { name: cast.item.title }).first().waitFor();
    await look('timetable');
    await button(page, `Details: ${cast.item.title}`).first().click();
    const details = page.getByRole('dialog');
    await details.getByText('Subject', { exact: true }).waitFor();
    await look('details');
    await details.getByRole('button', { name: 'Close', exact: true }).click();
    for (const [view, name] of [
      ['By day', 'days'],
      ['Week', 'week'],
    ]) {
      // The radio itself is hidden beneath its label.
      await page.getByRole('radiogroup', { name: 'Timetable view' }).getByText(view, { exact: true }).click();
      await page.getByRole('radio', { name: view, exact: true, checked: true }).waitFor({ state: 'attached' });
      await page.getByText(cast.item.title).first().waitFor();
      await look(name);
    }
    await page.getByRole('radiogroup', { name: 'Timetable view' }).getByText('Now', { exact: true }).click();
    await account(page).click();
    await page.getByRole('menuitem', { name: 'Change password', exact: true }).waitFor();
    await look('account');
    await page.keyboard.press('Escape');
  });
});

test('the device check and the room', async () => {
  await both(async ({ page, look }) => {
    await openFromTimetable(page, cast.item);
    await page.getByRole('heading', { name: 'Check before joining', exact: true }).waitFor();
    const on = button(page, 'Switch the camera on');
    const off = button(page, 'Switch the camera off');
    await on.or(off).waitFor();
    if (await on.isVisible()) await on.click();
    await off.waitFor();
    await look('device-check');
    await button(page, 'Enter the room').click();
    await inRoom(page);
    await button(page, 'Leave the room').waitFor();
  });
  await both(async ({ page, look }) => {
    await pictures(page, 2);
    await assertNothingCut(page.getByRole('navigation', { name: 'Controls' }), 'the bar');
    await look('room');
    await button(page, 'View and devices').click();
    await page.getByRole('menuitemradio', { name: 'Large speaker', exact: true }).waitFor();
    await look('room-menu');
    await page.keyboard.press('Escape');
  });
});

test('a hand and the floor', async () => {
  await button(pupil.page, 'Raise hand').click();
  await button(pupil.page, 'Lower hand').waitFor();
  await assertNothingCut(pupil.page.getByRole('navigation', { name: 'Controls' }), 'the bar with a raised hand');
  await teacher.page
    .getByText(/^Hand raised: /)
    .first()
    .waitFor();
  await both(async ({ page, look }) => {
    await page.getByRole('button', { name: 'Participants: 2', exact: true }).click();
    const people = page.getByRole('region', { name: 'Participants', exact: true });
    await people.getByRole('listitem').first().waitFor();
    await look('people');
  });
  const actions = teacher.page.getByRole('button', { name: /^Actions: / }).first();
  await actions.click();
  await teacher.page.getByRole('menuitem', { name: 'Remove from the room', exact: true }).waitFor();
  await teacher.look('people-actions');
  await teacher.page.keyboard.press('Escape');
});

test('the chat', async () => {
  const question = 'Could we do task 3 once more?';
  await pupil.page.getByRole('complementary').getByRole('button', { name: 'Close', exact: true }).click();
  await button(pupil.page, 'Chat').click();
  const field = (page) => page.getByRole('textbox', { name: 'Message', exact: true });
  await pupil.page.getByText('No messages yet', { exact: true }).waitFor();
  await pupil.look('chat-empty');
  await field(pupil.page).fill(question);
  await button(pupil.page, 'Send').click();
  await teacher.page.getByRole('button', { name: 'Chat: 1 new message', exact: true }).click();
  await both(async ({ page, look }) => {
    const log = page.getByRole('log', { name: 'Chat messages', exact: true });
    await log.getByText(question, { exact: true }).waitFor();
    await look('chat');
  });
});

test('leaving, coming back, and the end for everybody', async () => {
  await pupil.page.getByRole('complementary').getByRole('button', { name: 'Close', exact: true }).click();
  await button(pupil.page, 'Leave the room').click();
  const leave = pupil.page.getByRole('dialog', { name: 'Leave the consultation?' });
  await leave.waitFor();
  await pupil.look('leave');
  await leave.getByRole('button', { name: 'Leave', exact: true }).click();
  await pupil.page.getByRole('heading', { name: 'You have left the consultation', exact: true }).waitFor();
  await pupil.look('left');
  await button(pupil.page, 'Join again').click();
  await button(pupil.page, 'Enter the room').click();
  await button(pupil.page, 'Leave the room').waitFor();

  await button(teacher.page, 'Leave the room').click();
  await teacher.look('leave');
  await button(teacher.page, 'End for everybody').click();
  const end = teacher.page.getByRole('dialog', { name: 'End the consultation for everybody?' });
  await end.getByRole('button', { name: 'End for everybody', exact: true }).click();
  await both(async ({ page, look }) => {
    await page.getByRole('heading', { name: 'The consultation is over', exact: true }).waitFor();
    await look('ended');
    await page.getByRole('link', { name: 'To the timetable', exact: true }).click();
    await timetable(page).waitFor();
    assert.deepEqual(page.errors, []);
  });
});

test('every section that a deputy head has', async () => {
  const { page, read, forget } = await newcomer('desktop', DESKTOP);
  await page.goto('/sign-in');
  await button(page, 'English').click();
  await page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor();
  await forget();
  await enter(page, 'D-001', PASSWORD);
  await timetable(page).waitFor();
  const links = page.getByRole('navigation', { name: 'Sections', exact: true }).getByRole('link');
  const names = await links.allInnerTexts();
  assert.ok(names.length >= 10, `sections: ${names}`);
  // The timetable comes first; at the end it takes what the last page still had to say.
  for (const name of [...names.slice(1), names[0]]) {
    const link = links.and(page.getByRole('link', { name, exact: true }));
    await link.click();
    await link.and(page.locator('[aria-current=page]')).waitFor();
    await page.getByRole('main').getByRole('heading', { level: 1 }).waitFor();
    await assertFitsWidth(page, name);
    await read(name);
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('none of these pages had a word of Russian, but for what the school wrote', () => {
  assert.deepEqual(foreign, []);
});
