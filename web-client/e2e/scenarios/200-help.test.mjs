// Individual help in the browser, in Russian: a pupil asks and a peer votes, the teacher sees it in the inbox and in the
// ranked topics and plans an overview from them; a guardian books for one child and waits for the other, a cancellation
// moves the child up; feedback is given after the lesson.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  assertAccessible,
  assertFitsWidth,
  DESKTOP,
  launchBrowser,
  newPerson,
  PHONE,
  screenshot,
} from '../harness/browser.mjs';
import { Hub } from '../harness/hub.mjs';
import { ended, enterRoom, openFromTimetable, signIn } from '../harness/room.mjs';
import { until } from '../harness/until.mjs';

let hub;
let browser;

before(async () => {
  // A Saturday morning of the second quarter, whatever the day of the run.
  const offset = Math.round((Date.parse('2026-11-28T09:00:00Z') - Date.now()) / 1000);
  hub = await Hub.start({
    env: { KAFEDRA_CLOCK_OFFSET_SECONDS: String(offset), KAFEDRA_SCHEDULE__MIN_SHARED_MINUTES: '0' },
  });
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

async function look(page, name) {
  await assertFitsWidth(page, name);
  await screenshot(page, name);
  await assertAccessible(page, name);
}

async function person(code, path, heading, options = {}) {
  const page = await newPerson(browser, hub, { media: false, ...options });
  await signIn(page, code);
  await page.goto(path);
  await page.getByRole('heading', { name: heading, level: 1 }).waitFor();
  return page;
}

const QUESTION = 'Почему общий знаменатель — это наименьшее общее кратное?';

test('a question goes from the pupil to the plan of an overview', async () => {
  const pupil = await person('S-5A-01', '/requests', 'Обращения');
  await pupil.getByRole('button', { name: 'Задать вопрос' }).click();
  const dialog = pupil.getByRole('dialog');
  await dialog.getByLabel('Предмет').selectOption({ label: 'Математика' });
  await dialog.getByLabel('Тема').selectOption({ label: 'Сложение и вычитание дробей (2 четверть)' });
  await dialog.getByLabel('Что непонятно').fill(QUESTION);
  await look(pupil, 'help-ask-desktop');
  await dialog.getByRole('button', { name: 'Отправить' }).click();
  await dialog.getByText('Ждёт ответа').first().waitFor();
  await look(pupil, 'help-request-desktop');

  const peer = await person('S-5A-04', '/requests', 'Обращения', { viewport: PHONE });
  await peer.getByText('Вопросы класса').click();
  const card = peer.getByRole('article').filter({ hasText: QUESTION });
  await card.getByRole('button', { name: 'У меня такой же вопрос' }).click();
  await card.getByRole('button', { name: 'Вы присоединились' }).waitFor();
  assert.doesNotMatch(await card.innerText(), /Смирнов/, 'a peer is not told who asked');
  await look(peer, 'help-peers-phone');

  const teacher = await person('T-014', '/requests', 'Обращения');
  const asked = teacher.getByRole('article').filter({ hasText: QUESTION });
  await asked.getByText('1 человек с таким же вопросом').waitFor();
  await look(teacher, 'help-inbox-desktop');
  await asked.getByRole('button', { name: /^Открыть обращение/ }).click();
  await teacher.getByRole('dialog').getByRole('button', { name: 'Взять в работу' }).click();
  await teacher.getByRole('dialog').getByText('Принято').first().waitFor();

  await teacher.goto('/topics');
  await teacher.getByRole('heading', { name: 'Темы для консультаций' }).waitFor();
  const first = teacher.getByRole('region', { name: 'Темы для консультаций' }).getByRole('listitem').first();
  await first.getByText('3 из 6 ниже 3').waitFor();
  await first.getByText(/3 обращения/).waitFor();
  await first.getByRole('checkbox').check();
  const form = teacher.getByRole('form', { name: 'Выбрать для консультации' });
  const overview = form.getByLabel('Консультация').locator('option', { hasText: 'Чат, обзорная' }).first();
  await form.getByLabel('Консультация').selectOption(await overview.getAttribute('value'));
  assert.equal(await form.getByRole('checkbox', { name: QUESTION }).isChecked(), true, 'the request is proposed');
  await look(teacher, 'help-topics-desktop');
  await form.getByRole('button', { name: 'Сохранить темы и основания' }).click();
  await form.getByText('Темы и основания сохранены').waitFor();

  await pupil.reload();
  await pupil.getByRole('dialog').getByText('Назначена консультация').first().waitFor();
  for (const page of [pupil, peer, teacher]) assert.deepEqual(page.errors, []);
  for (const page of [pupil, peer, teacher]) await page.context().close();
});

test('a guardian books for one child and waits for the other, who moves up', async () => {
  const guardian = await person('G-01', '/appointments', 'Запись на приём');
  const elder = guardian
    .getByRole('article')
    .filter({ hasText: 'Физика, 9Б' })
    .filter({ has: guardian.getByRole('button', { name: /^Записаться на/ }) })
    .first();
  await elder
    .getByRole('button', { name: /^Записаться на/ })
    .first()
    .click();
  await guardian.getByRole('dialog').getByLabel('О чём поговорить').fill('Импульс, задача 3');
  await guardian.getByRole('dialog').getByRole('button', { name: 'Записаться', exact: true }).click();
  await guardian.getByText('Импульс, задача 3').first().waitFor();

  const full = guardian
    .getByRole('article')
    .filter({ hasText: 'Математика, 5А' })
    .filter({ has: guardian.getByRole('button', { name: 'Встать в очередь' }) })
    .first();
  await full.getByRole('button', { name: 'Встать в очередь' }).click();
  await guardian.getByText(/1-й в листе ожидания/).waitFor();
  await look(guardian, 'help-appointments-desktop');

  const other = await person('S-5A-02', '/appointments', 'Запись на приём', { viewport: PHONE });
  await look(other, 'help-appointments-phone');
  await other
    .getByRole('button', { name: /^Отменить запись/ })
    .first()
    .click();
  await other.getByRole('dialog').getByRole('button', { name: 'Отменить запись', exact: true }).click();
  await other.getByText('Отменена записавшимся').waitFor();

  await guardian.reload();
  await until(
    'the child moved up',
    async () =>
      (await guardian.getByText('Артём').count()) > 0 && (await guardian.getByText(/в листе ожидания/).count()) === 0,
  );
  await guardian.goto('/children');
  await guardian.getByRole('heading', { name: 'Мои дети' }).waitFor();
  await guardian.getByRole('heading', { name: 'Смирнов Артём Денисович' }).waitFor();
  await look(guardian, 'help-children-desktop');

  const phone = await person('G-01', '/children', 'Мои дети', { viewport: PHONE, colorScheme: 'dark' });
  await phone.getByRole('heading', { name: 'Смирнов Артём Денисович' }).waitFor();
  await look(phone, 'help-children-phone-dark');
  for (const page of [guardian, other, phone]) assert.deepEqual(page.errors, []);
  for (const page of [guardian, other, phone]) await page.context().close();
});

test('the homeroom teacher confirms a link', async () => {
  const guardian = await person('G-02', '/children', 'Мои дети', { viewport: PHONE });
  await guardian.getByRole('button', { name: 'Добавить ребёнка' }).click();
  const dialog = guardian.getByRole('dialog');
  await dialog.getByLabel('Код ребёнка').fill('S-5A-04');
  await dialog.getByLabel('Дата рождения').fill('2015-04-09');
  await dialog.getByRole('button', { name: 'Отправить' }).click();
  await dialog.getByText('Заявление отправлено').waitFor();
  await look(guardian, 'help-propose-phone');

  const teacher = await person('T-014', '/guardians', 'Законные представители');
  const link = teacher.getByRole('article').filter({ hasText: 'Попова Алиса' });
  await link.getByRole('button', { name: 'Подтвердить' }).click();
  await link.getByText('Подтверждена').waitFor();
  await look(teacher, 'help-guardians-desktop');
  await guardian.reload();
  await guardian.getByRole('heading', { name: /Попова Алиса/ }).waitFor();
  for (const page of [guardian, teacher]) await page.context().close();
});

test('feedback is given on the way out of the lesson', async () => {
  const program = await hub.as('T-014');
  const item = (await program.timetable()).find((one) => one.form === 'webinar' && one.state === 'open');
  const teacher = await newPerson(browser, hub, { viewport: DESKTOP });
  await signIn(teacher, 'T-014');
  await openFromTimetable(teacher, item);
  await enterRoom(teacher);
  const pupil = await newPerson(browser, hub, { viewport: PHONE });
  await signIn(pupil, 'S-5A-01');
  await openFromTimetable(pupil, item);
  await enterRoom(pupil);
  await teacher.getByRole('button', { name: 'Выйти из комнаты' }).click();
  // Twice: the second question says what ending means.
  await teacher.getByRole('dialog').getByRole('button', { name: 'Завершить для всех' }).click();
  const question = teacher.getByRole('dialog', { name: 'Завершить консультацию для всех?' });
  await question.getByRole('button', { name: 'Завершить для всех' }).click();
  await ended(pupil).waitFor();
  await pupil.getByText('Да', { exact: true }).click();
  await pupil.getByLabel('5 из 5').check();
  await pupil.getByLabel('Что хорошо, чего не хватило').fill('Стало понятно');
  await look(pupil, 'help-feedback-phone');
  await pupil.getByRole('button', { name: 'Отправить отзыв' }).click();
  await pupil.getByText('Спасибо, отзыв сохранён').waitFor();
  await teacher.goto('/feedback');
  // The demo's history has more than five answers already: the results stand there, with nobody's name.
  await teacher.getByText('Стало понятно').waitFor();
  assert.equal(await teacher.getByText('Смирнов').count(), 0, 'answers have no names');
  await look(teacher, 'help-feedback-desktop');
  for (const page of [teacher, pupil]) assert.deepEqual(page.errors, []);
});
