// Working time as people type it, a line each: «Пн-Пт 09:00-18:00», «Mo 9:00-12:30».
type Window = { weekday: number; starts: string; ends: string };

const DAYS = ['пн', 'вт', 'ср', 'чт', 'пт', 'сб', 'вс'];
const ENGLISH = ['mo', 'tu', 'we', 'th', 'fr', 'sa', 'su'];

function weekday(text: string): number {
  const word = text.toLocaleLowerCase().slice(0, 2);
  return Math.max(DAYS.indexOf(word), ENGLISH.indexOf(word)) + 1;
}

/** The windows, or the first line that cannot be read. */
export function parseWindows(text: string): { windows: Window[] } | { line: string } {
  const windows: Window[] = [];
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (!line) continue;
    const found = /^(\S+?)(?:\s*[-–—]\s*(\S+?))?\s+(\d{1,2}:\d{2})\s*[-–—]\s*(\d{1,2}:\d{2})$/.exec(line);
    const [, from = '', until, starts = '', ends = ''] = found ?? [];
    const first = weekday(from);
    const last = until ? weekday(until) : first;
    const [opens, closes] = [starts.padStart(5, '0'), ends.padStart(5, '0')];
    if (!found || first === 0 || last < first || opens >= closes) return { line };
    for (let day = first; day <= last; day++) windows.push({ weekday: day, starts: opens, ends: closes });
  }
  return { windows };
}

/** The same back, days of one time joined. */
export function printWindows(windows: readonly Window[], day: (weekday: number) => string): string {
  const lines: { first: number; last: number; time: string }[] = [];
  for (const { weekday: n, starts, ends } of windows) {
    const time = `${starts}-${ends}`;
    const joined = lines.find((line) => line.time === time && line.last === n - 1);
    if (joined) joined.last = n;
    else lines.push({ first: n, last: n, time });
  }
  return lines
    .map(({ first, last, time }) => `${first === last ? day(first) : `${day(first)}-${day(last)}`} ${time}`)
    .join('\n');
}
