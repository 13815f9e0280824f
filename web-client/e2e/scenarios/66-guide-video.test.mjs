// Video instructions beside the articles (clause 2.3): the administrator puts an address and a file there, a pupil opens the one and
// plays the other; whoever reads an article without a video sees nothing of it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible, assertFitsWidth, launchBrowser, newPerson, PHONE, screenshot } from '../harness/browser.mjs';
import { Hub } from '../harness/hub.mjs';
import { signIn } from '../harness/room.mjs';
import { until } from '../harness/until.mjs';

let hub;
let browser;

before(async () => {
  hub = await Hub.start();
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

/** Two seconds of a moving picture, as a browser records them. */
async function film(page) {
  const base64 = await page.evaluate(async () => {
    const canvas = document.createElement('canvas');
    canvas.width = 320;
    canvas.height = 180;
    const ink = canvas.getContext('2d');
    const timer = setInterval(() => {
      ink.fillStyle = `hsl(${Date.now() % 360} 60% 40%)`;
      ink.fillRect(0, 0, 320, 180);
    }, 50);
    const recorder = new MediaRecorder(canvas.captureStream(20), { mimeType: 'video/webm' });
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const stopped = new Promise((resolve) => {
      recorder.onstop = resolve;
    });
    recorder.start();
    setTimeout(() => recorder.stop(), 2_000);
    await stopped;
    clearInterval(timer);
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  });
  return Buffer.from(base64, 'base64');
}

test('the administrator puts videos beside articles, and a pupil sees and plays them', async () => {
  const admin = await newPerson(browser, hub, { media: false });
  await signIn(admin, 'A-001');
  await admin.goto('/guide');
  await admin.getByLabel('Кто вы на консультации').selectOption({ label: 'Ученик' });
  await admin.getByRole('button', { name: 'Добавить видео: Ученик, вебинар' }).click();
  const dialog = admin.getByRole('dialog');
  await dialog.getByLabel('Название').fill('Как войти на вебинар');
  await dialog.getByLabel('Адрес (https)').fill('https://video.school.example/how');
  await assertAccessible(admin, 'the editor of a video');
  await screenshot(admin, 'guide-video-editor-desktop-light');
  await dialog.getByRole('button', { name: 'Сохранить видео' }).click();
  await admin.getByRole('link', { name: 'Видеоинструкция: Как войти на вебинар' }).waitFor();

  const recorded = await film(admin);
  assert.ok(recorded.length > 1_000, `${recorded.length} bytes`);
  await admin.getByRole('button', { name: 'Добавить видео: Ученик, чат' }).click();
  await dialog.getByLabel('Название').fill('Как писать в чате');
  await dialog.getByLabel('Файл на этом сервере').check();
  await dialog
    .getByLabel('Файл MP4 или WebM')
    .setInputFiles({ name: 'chat.webm', mimeType: 'video/webm', buffer: recorded });
  await dialog.getByRole('button', { name: 'Сохранить видео' }).click();
  await admin.getByLabel('Видеоинструкция: Как писать в чате').waitFor();
  await assertAccessible(admin, 'the guide with videos');
  await screenshot(admin, 'guide-video-desktop-light');
  assert.deepEqual(admin.errors, []);

  const pupil = await newPerson(browser, hub, { viewport: PHONE, colorScheme: 'dark', media: false });
  await signIn(pupil, 'S-5A-01');
  await pupil.goto('/guide');
  const link = pupil.getByRole('link', { name: 'Видеоинструкция: Как войти на вебинар' });
  await link.waitFor();
  assert.equal(await link.getAttribute('target'), '_blank');
  assert.match(await link.getAttribute('rel'), /noreferrer/);
  const video = pupil.getByLabel('Видеоинструкция: Как писать в чате');
  assert.equal(await video.getAttribute('preload'), 'none');
  await video.evaluate((one) => {
    one.muted = true;
    return one.play();
  });
  await until('the video plays', () => video.evaluate((one) => one.currentTime > 0.2 && one.videoWidth === 320));
  const [red, green, blue] = await video.evaluate((one) => {
    const ink = document.createElement('canvas').getContext('2d');
    ink.drawImage(one, 0, 0, 4, 4);
    return [...ink.getImageData(1, 1, 1, 1).data];
  });
  assert.ok(Math.max(red, green, blue) > 60, `a picture, not the dark: ${red} ${green} ${blue}`);
  // Nothing about videos where there is none, and no button for who may not.
  assert.equal(await pupil.getByRole('button', { name: /видео/i }).count(), 0);
  assert.equal(
    await pupil
      .getByRole('region', { name: 'Индивидуальная' })
      .getByText(/видеоинструкция/i)
      .count(),
    0,
  );
  await assertFitsWidth(pupil, 'the guide of a pupil');
  await assertAccessible(pupil, 'the guide of a pupil');
  await video.scrollIntoViewIfNeeded();
  await screenshot(pupil, 'guide-video-phone-dark');
  assert.deepEqual(pupil.errors, []);

  // Taken away, nothing is left.
  await admin.getByRole('button', { name: 'Изменить видео: Ученик, вебинар' }).click();
  await dialog.getByRole('button', { name: 'Убрать видео' }).click();
  await dialog.waitFor({ state: 'detached' });
  await pupil.reload();
  await pupil.getByLabel('Видеоинструкция: Как писать в чате').waitFor();
  assert.equal(await link.count(), 0);
});
