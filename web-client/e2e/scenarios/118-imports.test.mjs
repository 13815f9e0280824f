// The deputy head checks a timetable of lessons, sees which planned dates it meets, and brings it in: whoever holds them is told.
// And departments of a roster become units with their heads. In Russian, desktop and phone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { assertAccessible, assertFitsWidth, launchBrowser, newPerson, PHONE, screenshot } from '../harness/browser.mjs';
import { Hub } from '../harness/hub.mjs';
import { signIn } from '../harness/room.mjs';

let hub;
let browser;

before(async () => {
  [hub, browser] = await Promise.all([Hub.start(), launchBrowser()]);
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

/** The seventh and eighth lesson of every day are physics in 9Б, by the teacher who helps 5А then. */
const TIMETABLE = `<?xml version="1.0" encoding="UTF-8"?><timetable>
  <teachers><teacher id="t" name="Соколова Мария Игоревна"/></teachers><classes><class id="c" name="9Б"/></classes>
  <subjects><subject id="s" name="Физика"/></subjects>
  <lessons><lesson id="l" subjectid="s" classids="c" teacherids="t"/></lessons>
  <cards><card lessonid="l" period="7" days="11111" weeks="1"/><card lessonid="l" period="8" days="11111" weeks="1"/></cards>
  </timetable>`;

/** A zip of stored files. */
function zip(files) {
  const parts = [];
  const entries = [];
  let at = 0;
  for (const [name, text] of Object.entries(files)) {
    const [title, body] = [Buffer.from(name), Buffer.from(text)];
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt32LE(crc32(body), 10);
    head.writeUInt32LE(body.length, 14);
    head.writeUInt32LE(body.length, 18);
    head.writeUInt16LE(title.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), head, title, body]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    entries.push(Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, 0]), head, tail, title]));
    parts.push(local);
    at += local.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...parts, directory, Buffer.from('PK\x05\x06'), end]);
}

/** More than fit on one page of the list. */
const PARENTS = Array.from({ length: 60 }, (_, n) => String(n).padStart(2, '0'));

/** Everybody who is named already is named as they are: a delta touches what it says. */
const ROSTER = zip({
  'manifest.csv': 'propertyName,value\nfile.users,delta\nfile.orgs,delta\n',
  'orgs.csv':
    'sourcedId,status,name,type\nschool,active,Школа,school\nd1,active,Кафедра искусств,department\nd2,active,Кафедра языков,department\n',
  'users.csv':
    'sourcedId,status,enabledUser,username,givenName,familyName,middleName\nu1,active,true,U-500,Вера,Орлова,Петровна\nu2,active,true,T-500,Инна,Мельник,Олеговна\n' +
    PARENTS.map((n) => `g${n},active,true,G-5${n},Имя,Родитель${n},\n`).join(''),
  'roles.csv':
    'sourcedId,status,userSourcedId,roleType,role,orgSourcedId\nr1,active,u1,primary,ext:unitHead,d1\nr2,active,u2,primary,teacher,d2\n' +
    PARENTS.map((n) => `rg${n},active,g${n},primary,guardian,school\n`).join(''),
});

test('a timetable lists the planned dates that it meets, and departments become units', async () => {
  const deputy = await newPerson(browser, hub, { media: false });
  await signIn(deputy, 'D-001');
  await deputy.goto('/import');
  const asc = deputy.getByRole('region', { name: /aSc/ });
  const file = { name: 'timetable.xml', mimeType: 'text/xml', buffer: Buffer.from(TIMETABLE) };
  await asc.getByLabel('Файл').setInputFiles(file);
  await asc.getByRole('button', { name: 'Проверить' }).click();
  await asc.getByText('Даты, которые совпали с уроками').waitFor();
  await asc.getByText('Даты останутся как есть').waitFor();
  const rows = asc.locator('tbody tr');
  assert.ok((await rows.count()) > 0);
  const first = await rows.first().innerText();
  assert.match(first, /Соколова Мария Игоревна ведёт урок/);
  assert.match(first, /14:20–15:05|15:15–16:00/);
  assert.match(first, /Физика, 9Б/);
  assert.match(first, /новое/);
  await rows.first().scrollIntoViewIfNeeded();
  await screenshot(deputy, 'imports-asc');
  await assertAccessible(deputy, 'dates that meet lessons');
  await asc.getByRole('button', { name: 'Загрузить' }).click();
  await asc.getByText('Даты остались как есть').waitFor();

  // Whoever holds them is told; a second look has nothing new.
  const teacher = await newPerson(browser, hub, { media: false });
  await signIn(teacher, 'T-014');
  await teacher.goto('/notices');
  await teacher.getByText('Новое расписание уроков: даты совпали с уроками').first().waitFor();
  await screenshot(teacher, 'imports-asc-notice');
  const phone = await newPerson(browser, hub, { viewport: PHONE, colorScheme: 'dark', media: false });
  await signIn(phone, 'D-001');
  await phone.goto('/import');
  const again = phone.getByRole('region', { name: /aSc/ });
  await again.getByLabel('Файл').setInputFiles(file);
  await again.getByRole('button', { name: 'Проверить' }).click();
  await again.getByText('новых среди них 0').waitFor();
  await again.locator('tbody tr').first().scrollIntoViewIfNeeded();
  await screenshot(phone, 'imports-asc-phone');
  await assertFitsWidth(phone, 'dates that meet lessons');
  await assertAccessible(phone, 'dates that meet lessons on a phone');

  const roster = deputy.getByRole('region', { name: 'Люди и классы' });
  await roster.getByLabel('Файл').setInputFiles({ name: 'roster.zip', mimeType: 'application/zip', buffer: ROSTER });
  await roster.getByRole('button', { name: 'Проверить' }).click();
  await roster.getByText('Подразделения: новых 2').waitFor();
  await roster.getByText('теперь руководит').waitFor();
  await roster.getByText('теперь руководит').scrollIntoViewIfNeeded();
  await screenshot(deputy, 'imports-roster');
  await assertAccessible(deputy, 'departments');
  await roster.getByRole('button', { name: 'Загрузить' }).click();
  await roster.getByText('Подразделения: новых 2').waitFor();
  const admin = await newPerson(browser, hub, { media: false });
  await signIn(admin, 'A-001');
  await admin.goto('/people?tab=units');
  const unit = admin.locator('tr').filter({ has: admin.locator('b', { hasText: 'Кафедра искусств' }) });
  await unit.getByText('Орлова Вера Петровна').waitFor();
  await screenshot(admin, 'imports-units');

  // More people than one page: the next are loaded as one asks for them; the search is the hub's, not the page's.
  await admin.goto('/people');
  await admin.getByText('84 человека').waitFor();
  assert.equal(await admin.locator('tbody tr').count(), 50);
  await admin.getByText('Показано 50 из 84').waitFor();
  assert.equal(await admin.getByRole('button', { name: 'Родитель59' }).count(), 0);
  await screenshot(admin, 'people-more');
  await assertAccessible(admin, 'people, more of them');
  await admin.getByLabel('Имя или код').fill('родитель59');
  await admin.getByRole('button', { name: 'Родитель59' }).waitFor();
  await admin.getByText('1 человек', { exact: true }).waitFor();
  await admin.getByLabel('Имя или код').fill('');
  await admin.getByRole('button', { name: 'Показать ещё' }).click();
  await admin.getByRole('button', { name: 'Показать ещё' }).waitFor({ state: 'detached' });
  assert.equal(await admin.locator('tbody tr').count(), 84);
  assert.deepEqual([...deputy.errors, ...teacher.errors, ...phone.errors, ...admin.errors], []);
});
