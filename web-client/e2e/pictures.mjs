// Takes the pictures of README.md from the real thing: `npm run pictures` after `make build`. The people are drawn.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DESKTOP, launchBrowser, newPerson, PHONE } from './harness/browser.mjs';
import { castOf } from './harness/cast.mjs';
import { Hub } from './harness/hub.mjs';
import { joinFromTimetable, openChat, pictures, raiseHand, seesChat, signIn, writeChat } from './harness/room.mjs';

const folder = fileURLToPath(new URL('../../docs/img/', import.meta.url));
mkdirSync(folder, { recursive: true });
const take = (page, name) => page.screenshot({ path: `${folder}${name}.png`, animations: 'disabled' });

const hub = await Hub.start();
const browser = await launchBrowser();
try {
  const lesson = await castOf(hub, 'video_conference');
  const codes = [lesson.teacher, ...lesson.students.slice(0, 3)];
  const people = [];
  for (const [index, code] of codes.entries()) {
    const page = await newPerson(browser, hub, { viewport: DESKTOP });
    await page.addInitScript(drawnCamera, index);
    await signIn(page, code);
    if (index === 0) await take(page, 'timetable');
    people.push(page);
  }
  for (const page of people) await joinFromTimetable(page, lesson.item);
  const [teacher, first, second, third] = people;
  for (const page of people) await openChat(page);
  await writeChat(first, 'А закон сохранения работает, если тела слипаются?');
  await seesChat(teacher, 'А закон сохранения работает, если тела слипаются?');
  await writeChat(teacher, 'Да! Импульс сохраняется, а энергия частично уходит в тепло. Сейчас покажу на доске.');
  await writeChat(second, 'Задачу 3 из §17 разберём?');
  await writeChat(teacher, 'Разберём последней, минут через десять.');
  await raiseHand(third);
  for (const page of people) await pictures(page, 4);
  await take(teacher, 'room');

  const chat = await castOf(hub, 'chat');
  const [pupil, host] = [await newPerson(browser, hub, { viewport: PHONE }), await newPerson(browser, hub)];
  await signIn(host, chat.teacher);
  await signIn(pupil, chat.students[0]);
  for (const page of [host, pupil]) await joinFromTimetable(page, chat.item);
  await writeChat(pupil, 'Здравствуйте! Как проверить гласную в слове «подоконник»?');
  await seesChat(host, 'Здравствуйте! Как проверить гласную в слове «подоконник»?');
  await writeChat(host, 'Поставь её под ударение: окна. Какая буква слышится?');
  await seesChat(pupil, 'Поставь её под ударение: окна. Какая буква слышится?');
  await writeChat(pupil, 'О! Значит, пишем «о»');
  await seesChat(pupil, 'О! Значит, пишем «о»');
  await take(pupil, 'phone');
} finally {
  await browser.close();
  await hub.stop();
}

/** Runs in the page: the camera shows a drawn person who nods a little. */
function drawnCamera(index) {
  const looks = [
    { wall: '#dbe7e4', coat: '#2c4a5a', skin: '#f0c9a8', hair: '#5b3a29', long: false },
    { wall: '#f1e3d0', coat: '#8c3b4a', skin: '#f4d3b5', hair: '#3a2a22', long: true },
    { wall: '#dfe3f0', coat: '#3f6b4f', skin: '#e8bd98', hair: '#c79a4b', long: false },
    { wall: '#ece0ec', coat: '#50497c', skin: '#f2cdb0', hair: '#7a4a2b', long: true },
  ];
  const { wall, coat, skin, hair, long } = looks[index % looks.length];
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    if (!wanted.video) return open(wanted);
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
    const pen = canvas.getContext('2d');
    const disc = (color, x, y, rx, ry) => {
      pen.fillStyle = color;
      pen.beginPath();
      pen.ellipse(x, y, rx, ry, 0, 0, Math.PI * 2);
      pen.fill();
    };
    const draw = () => {
      const nod = Math.sin(Date.now() / 600 + index) * 4;
      pen.fillStyle = wall;
      pen.fillRect(0, 0, 640, 360);
      if (long) disc(hair, 320, 190 + nod, 92, 130);
      disc(coat, 320, 400, 190, 150);
      pen.fillStyle = skin;
      pen.fillRect(292, 220 + nod, 56, 60);
      disc(hair, 320, 138 + nod, 80, 84);
      disc(skin, 320, 160 + nod, 68, 84);
      disc(hair, 320, 92 + nod, 66, 30);
      for (const side of [-1, 1]) disc('#2b2320', 320 + side * 26, 158 + nod, 6, 7);
      pen.strokeStyle = '#9c4a3c';
      pen.lineWidth = 4;
      pen.beginPath();
      pen.arc(320, 190 + nod, 22, 0.25, Math.PI - 0.25);
      pen.stroke();
    };
    draw();
    setInterval(draw, 100);
    const stream = canvas.captureStream(10);
    if (wanted.audio)
      for (const track of (await open({ audio: wanted.audio })).getAudioTracks()) stream.addTrack(track);
    return stream;
  };
}
