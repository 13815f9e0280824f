// Who plays whom: finds out, by asking the hub, which demo people belong to which consultation.
import { until } from './until.mjs';

const TEACHERS = ['T-014', 'T-021', 'T-007'];
const FIRST_STUDENTS = ['S-5A-01', 'S-9B-01'];

const joinable = ({ state }) => state === 'open' || state === 'live';

/**
 * The open consultation of `form`: { item, teacher, students, guardian? }, people as codes.
 * Signs in as few accounts as possible: the hub limits that.
 */
export async function castOf(hub, form) {
  for (const teacher of TEACHERS) {
    const program = await hub.as(teacher);
    const items = await until(`a timetable for ${teacher}`, () => program.timetable());
    const item = items.find((each) => each.form === form && joinable(each) && each.role === 'host');
    if (!item) continue;
    const students = await studentsOf(hub, item);
    return { item, teacher, students };
  }
  throw new Error(`no open consultation of the form ${form} in the demo school`);
}

async function studentsOf(hub, item) {
  for (const first of FIRST_STUDENTS) {
    const program = await hub.as(first);
    const own = (await program.timetable()).find(({ id }) => id === item.id);
    if (own?.role !== 'recipient') continue;
    if (item.form === 'individual') return [first];
    const number = (n) => first.replace(/01$/, String(n).padStart(2, '0'));
    return [1, 2, 3, 4, 5, 6].map(number);
  }
  throw new Error(`neither class is invited to ${item.title}`);
}
