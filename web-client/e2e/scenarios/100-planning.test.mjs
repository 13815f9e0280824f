// A teacher plans by the rules: a preparation that comes too early, then on time; an overload with its numbers, lifted by the
// deputy's order; a substitute. All in Russian, on the pages that people use.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  assertAccessible,
  assertFitsWidth,
  launchBrowser,
  newPerson,
  PHONE,
  SMALL,
  screenshot,
} from '../harness/browser.mjs';
import { Hub } from '../harness/hub.mjs';
import { ended, joinByLink, pictures, signIn } from '../harness/room.mjs';
import { until } from '../harness/until.mjs';

/** Monday of a school week in the demo's second quarter. */
const NOW = Date.parse('2026-11-23T07:00:00Z');

let hub;
let browser;

before(async () => {
  const offset = Math.round((NOW - Date.now()) / 1000);
  // However short the time together, a lesson counts as held: here it is some seconds.
  hub = await Hub.start({
    env: { KAFEDRA_CLOCK_OFFSET_SECONDS: String(offset), KAFEDRA_SCHEDULE__MIN_SHARED_MINUTES: '0' },
  });
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

async function write(page, { title, date, kind }) {
  await page.goto('/cards?card=new');
  await page.getByLabel('Название').fill(title);
  await page.getByLabel('Предмет').selectOption({ label: 'Математика' });
  await page.getByLabel('Класс или группа').selectOption({ label: '5А' });
  await page.getByLabel('Вид').selectOption({ label: kind });
  await page.getByLabel('Дата').fill(date);
  await page.getByRole('checkbox', { name: /^2 четверть/ }).check();
  await page.getByRole('button', { name: '+ Сложение и вычитание дробей' }).click();
  await page.getByLabel('Основание').fill('Ошибки в контрольной работе');
}

test('a teacher plans, is refused, mends it; the deputy lifts a limit and sends a substitute', async () => {
  const teacher = await newPerson(browser, hub, { media: false });
  await signIn(teacher, 'T-014');
  await teacher.getByRole('navigation', { name: 'Разделы' }).getByRole('link', { name: 'Карты уроков' }).click();
  await teacher.getByRole('heading', { name: 'Карты уроков' }).waitFor();
  await screenshot(teacher, 'planning-cards');
  await assertAccessible(teacher, 'cards');

  await write(teacher, { title: 'Готовимся к контрольной', date: '2026-12-03', kind: 'Подготовка к аттестации' });
  await screenshot(teacher, 'planning-card');
  await assertAccessible(teacher, 'card');
  await teacher.getByRole('button', { name: 'Опубликовать' }).click();
  await teacher.getByRole('alert').getByText('только после окончания части программы').first().waitFor();
  await screenshot(teacher, 'planning-refused');
  const card = new URL(teacher.url()).searchParams.get('card');

  await teacher.goto('/programme');
  const maths = teacher.locator('section').filter({ hasText: 'Математика, 5 класс' });
  const part = maths.locator('tr').filter({ hasText: '2 четверть' });
  await part.getByRole('button', { name: 'Завершить часть' }).click();
  // Current help after that day is outside the study period then: said before it is done.
  await teacher.getByRole('dialog').getByText('нарушат правила').waitFor();
  await screenshot(teacher, 'planning-part-outlook');
  await assertAccessible(teacher, 'part outlook');
  await teacher.getByRole('dialog').getByRole('button', { name: 'Завершить часть' }).click();
  await part.getByText('Завершена').waitFor();
  await screenshot(teacher, 'planning-programme');
  await assertAccessible(teacher, 'programme');

  await teacher.goto(`/cards?card=${card}`);
  await teacher.getByRole('button', { name: 'Опубликовать' }).click();
  await teacher.getByText('Опубликована версия 1:').waitFor();

  // Whoever would take the completion back sees the preparation that it leaves without ground.
  await teacher.goto('/programme');
  await part.getByRole('button', { name: 'Открыть снова' }).click();
  const reopening = teacher.getByRole('dialog', { name: 'Открыть снова' });
  await reopening.getByText('Готовимся к контрольной').waitFor();
  await screenshot(teacher, 'planning-part-reopening');
  await reopening.getByRole('button', { name: 'Отмена' }).click();

  // The contract leaves no room for a second one that week.
  const deputy = await hub.as('D-001');
  const load = await deputy.call('GET', '/api/v1/contracts');
  const me = (await hub.as('T-014')).me.person.id;
  const contract = load.items.find(({ person }) => person === me);
  await deputy.call('PUT', '/api/v1/contracts', {
    body: { ...contract, absences: [], consultation_hours_week: 1 },
  });
  await write(teacher, { title: 'Ещё раз о дробях', date: '2026-12-04', kind: 'Подготовка к аттестации' });
  await teacher.getByRole('button', { name: 'Опубликовать' }).click();
  await teacher.getByRole('alert').getByText('Превышена учебная нагрузка').first().waitFor();
  await teacher
    .getByText(/по договору 1 ч, уже запланировано .* Осталось 0 ч/)
    .first()
    .waitFor();
  await screenshot(teacher, 'planning-overload');
  const second = new URL(teacher.url()).searchParams.get('card');

  const office = await newPerson(browser, hub, { media: false });
  await signIn(office, 'D-001');
  await office.goto(`/cards?card=${second}`);
  await office.getByRole('button', { name: 'Проверить даты' }).click();
  await office.getByRole('button', { name: 'Разрешить приказом' }).first().click();
  const dialog = office.getByRole('dialog');
  await dialog.getByLabel('Номер приказа').fill('15-к');
  await dialog.getByLabel('Причина').fill('перед контрольной');
  await screenshot(office, 'planning-order');
  await dialog.getByRole('button', { name: 'Разрешить приказом' }).click();
  await office.getByText('Разрешено приказом № 15-к').first().waitFor();
  await office.getByRole('button', { name: 'Опубликовать' }).click();
  await office.getByText('Опубликована версия 1:').waitFor();

  await office.goto('/planning?tab=changes');
  const lesson = office.getByRole('listitem').filter({ hasText: 'Ещё раз о дробях' });
  await lesson.getByRole('button', { name: 'Заменить' }).click();
  await office.getByRole('dialog').getByLabel('Причина').fill('болеет');
  await screenshot(office, 'planning-substitute');
  await office.getByRole('dialog').getByRole('button', { name: 'Заменить' }).click();
  await office.getByRole('dialog').waitFor({ state: 'hidden' });
  const shown = office.getByRole('listitem').filter({ hasText: 'Ещё раз о дробях' });
  await shown.getByText(/Ведёт (?!.*Соколова)/).waitFor();
  for (const [path, name] of [
    ['/planning', 'load'],
    ['/planning?tab=contracts', 'contracts'],
    ['/planning?tab=orders', 'orders'],
    ['/calendar', 'calendar'],
  ]) {
    await office.goto(path);
    await office.getByRole('heading', { level: 1 }).waitFor();
    await office.waitForLoadState('networkidle');
    await screenshot(office, `planning-${name}`);
    await assertAccessible(office, name);
  }
  assert.deepEqual([...teacher.errors, ...office.errors], []);
});

test('the substitute runs it, pupils come, and the report shows all of it', async () => {
  const title = 'Ещё раз о дробях';
  let deputy = await hub.as('D-001');
  const planned = (await deputy.call('GET', '/api/v1/timetable?from=2026-12-04&to=2026-12-04')).items;
  const item = planned.find((one) => one.title === title);
  const { host } = await deputy.get(`/api/v1/consultations/${item.id}`);
  const { person: details } = await (await hub.as('A-001')).get(`/api/v1/people/${host.id}`);
  const substitute = details.code;
  assert.notEqual(substitute, 'T-014');

  const offset = Math.round((Date.parse(item.start) - Date.now()) / 1000) - 30;
  await hub.halt();
  await hub.startAgain({ env: { KAFEDRA_CLOCK_OFFSET_SECONDS: String(offset) } });
  // Eleven days later: the sign-in of before is over.
  deputy = await hub.as('D-001');
  const person = async (code, options) => {
    const page = await newPerson(browser, hub, options);
    await signIn(page, code);
    return page;
  };
  const teacher = await person(substitute, { viewport: SMALL });
  await joinByLink(teacher, item);
  const pupil = await person('S-5A-01', { viewport: PHONE });
  await joinByLink(pupil, item);
  await pictures(pupil, 1);
  await screenshot(pupil, 'planning-substitute-runs-phone');
  // The clock passes the start of the lesson: before it nothing counts as time together.
  await until('it is live', async () => (await deputy.get(`/api/v1/consultations/${item.id}`)).state === 'live', {
    within: 60_000,
  });
  await teacher.getByRole('button', { name: 'Выйти из комнаты' }).click();
  // Asked once more before it is over for everybody.
  for (let n = 0; n < 2; n += 1)
    await teacher.getByRole('dialog').getByRole('button', { name: 'Завершить для всех' }).click();
  await ended(pupil).waitFor();

  const office = await person('D-001', { media: false });
  await office.goto('/reports');
  await office.getByRole('heading', { name: 'Отчёты' }).waitFor();
  await office.getByLabel('По', { exact: true }).fill('2026-12-04');
  await office.getByLabel('С', { exact: true }).fill('2026-12-04');
  await office.getByRole('row').filter({ hasText: host.display_name }).first().waitFor();
  await screenshot(office, 'planning-report');
  await assertAccessible(office, 'report');
  const rows = async (figure) => {
    await office.getByRole('button', { name: figure }).click();
    const row = office.locator('section[aria-live] tbody tr').filter({ hasText: title });
    await row.waitFor();
    const text = await row.innerText();
    await screenshot(office, `planning-report-${figure.source.length}`);
    return text;
  };
  const onTime = await rows(/^Начало вовремя/);
  assert.match(onTime, new RegExp(host.display_name.split(' ')[0]));
  assert.match(onTime, /проведена/);
  // Lifted by an order: a departure from the norm, with its number of the report.
  assert.match(await rows(/^Без отступлений от норм/), /проведена/);
  await office
    .locator('section')
    .filter({ hasText: 'Темы и консультации' })
    .getByText('Сложение и вычитание')
    .first()
    .waitFor();
  await office.locator('section').filter({ hasText: 'Кому помогли' }).getByText('Смирнов Артём').first().waitFor();
});

test('a change of the calendar says beforehand which dates it cannot plan, and why', async () => {
  const deputy = await hub.as('D-001');
  const options = await deputy.call('GET', '/api/v1/card-options');
  const host = (await hub.as('T-021')).me.person.id;
  const group = options.groups.find((one) => one.class === '9Б' && one.name === '').id;
  for (const [title, at] of [
    ['По звонку', { type: 'period', value: 6 }],
    ['По часам', { type: 'start', value: '14:10' }],
  ]) {
    const slot = {
      key: '',
      recurrence: { type: 'once', date: '2026-12-10' },
      at,
      minutes: 30,
      form: 'webinar',
      medium: null,
      kind: 'current',
      coverage: 'topics',
      parts: ['2 четверть'],
      topics: ['Импульс'],
      audience: { students: true, guardians: false },
      host,
      student: null,
      sources: [{ kind: 'note', text: 'Ошибки' }],
    };
    const content = {
      title,
      programme: null,
      group,
      teacher: host,
      materials: [],
      homework: null,
      note: null,
      allow_in_break: false,
      slots: [slot],
    };
    const subject = options.subjects.find(({ name }) => name === 'Физика').id;
    const { card } = await deputy.call('POST', '/api/v1/cards', { body: { body: { subject, content } } });
    await deputy.call('POST', `/api/v1/cards/${card.id}/publish`, { headers: { 'if-match': '"1"' } });
  }
  const office = await newPerson(browser, hub, { media: false });
  await signIn(office, 'D-001');
  await office.goto('/calendar');
  await office.getByRole('heading', { level: 1 }).waitFor();
  // The sixth period of the usual bells begins 25 minutes later.
  const usual = office.locator('details[open]');
  await usual.getByLabel('Урок 6, –').fill('14:15');
  await usual.getByLabel('Урок 6', { exact: true }).fill('13:50');
  await office.getByRole('button', { name: 'Что изменится' }).click();
  const dialog = office.getByRole('dialog');
  await dialog.getByText(/Нельзя запланировать \d+ дат/).waitFor();
  const refused = dialog.getByRole('listitem').filter({ hasText: 'По звонку' });
  await refused.getByText('Учитель в это время занят').waitFor();
  await screenshot(office, 'calendar-refused');
  await assertAccessible(office, 'preview of a calendar');
  await dialog.getByRole('button', { name: 'Изменить календарь' }).click();
  await dialog.waitFor({ state: 'hidden' });
  const { items } = await deputy.call('GET', '/api/v1/timetable?from=2026-12-10&to=2026-12-10');
  assert.deepEqual(
    items.map(({ title }) => title).filter((title) => title.startsWith('По ')),
    ['По часам'],
  );
});

test('the pages of planning fit a phone', async () => {
  const page = await newPerson(browser, hub, { viewport: PHONE, colorScheme: 'dark', media: false });
  await signIn(page, 'D-001');
  for (const [path, name] of [
    ['/programme', 'programme'],
    ['/calendar', 'calendar'],
    ['/cards', 'cards'],
    ['/cards?card=new', 'card'],
    ['/planning', 'load'],
  ]) {
    await page.goto(path);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForLoadState('networkidle');
    await assertFitsWidth(page, name);
    await screenshot(page, `planning-${name}-phone`);
    await assertAccessible(page, `${name} on a phone`);
  }
  await page.getByRole('button', { name: 'Разделы' }).click();
  await screenshot(page, 'planning-menu-phone');
});
