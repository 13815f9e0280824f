// A lesson card as its form edits it: an empty one, words to lists and back, what has changed.
import type { CardBody, CardOptions, CheckedDate, Slot } from '../../shared/planning/api';

export const REALTIME = ['webinar', 'video_conference', 'chat', 'individual'] as const;

export function emptySlot(host: string, day: string): Slot {
  return {
    key: '',
    recurrence: { type: 'once', date: day },
    at: { type: 'start', value: '15:30:00' },
    minutes: 30,
    form: 'webinar',
    medium: null,
    kind: 'current',
    coverage: 'topics',
    parts: [],
    topics: [],
    audience: { students: true, guardians: false },
    host,
    student: null,
    sources: [],
  };
}

export function emptyCard(options: CardOptions, me: string, day: string): CardBody {
  const host = options.hosts.some(({ id }) => id === me) ? me : (options.hosts[0]?.id ?? me);
  return {
    subject: options.subjects[0]?.id ?? null,
    content: {
      title: '',
      programme: null,
      group: options.groups[0]?.id ?? '',
      teacher: host,
      materials: [],
      homework: null,
      note: null,
      allow_in_break: false,
      slots: [emptySlot(host, day)],
    },
  };
}

/** Words of a list as people type them: by comma, semicolon or line. */
export function toList(text: string): string[] {
  return [
    ...new Set(
      text
        .split(/[,;\n]/)
        .map((word) => word.trim())
        .filter(Boolean),
    ),
  ];
}

export function toLines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
}

/** Parts and topics of the card's programme; empty when the school has none for subject and grade. */
export function programmeOf(body: CardBody, options: CardOptions) {
  const grade = options.groups.find(({ id }) => id === body.content.group)?.grade;
  const found = options.programmes.find((one) => one.subject === body.subject && one.grade === grade);
  return found?.parts ?? [];
}

/** What can be said before the hub is asked. */
export function isComplete(body: CardBody): boolean {
  return body.content.title.trim() !== '' && body.content.group !== '' && body.content.slots.length > 0;
}

export function isSame(one: CardBody, other: CardBody): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

export function refusedCount(dates: CheckedDate[]): number {
  return dates.filter((date) => date.findings.some((finding) => finding.refused)).length;
}

/** Slots numbered for people: the key's own number is for the hub. */
export function slotNumber(body: CardBody, key: string): number {
  const at = body.content.slots.findIndex((slot, n) => slot.key === key || (slot.key === '' && key === `?#${n}`));
  return at + 1;
}
