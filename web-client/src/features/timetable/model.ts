// The timetable as facts about an instant: what is on, what comes, what the week looks like. No React, no clock.
import type { Consultation, Ward } from '../../shared/api';
import { addDays } from '../../shared/dates';
import { dayKey } from '../../shared/i18n/format';

export type Item = Consultation & { startMs: number; endMs: number; opensMs: number; closesMs: number };

/**
 * Where a consultation stands for who looks at it. `opening`: its time has come, the hub has not said so yet.
 */
export type Phase = 'upcoming' | 'opening' | 'joinable' | 'over';

const DAY_MS = 86_400_000;

export function toItems(consultations: readonly Consultation[]): Item[] {
  return consultations
    .map((consultation) => ({
      ...consultation,
      startMs: Date.parse(consultation.start),
      endMs: Date.parse(consultation.end),
      opensMs: Date.parse(consultation.opens_at),
      closesMs: Date.parse(consultation.closes_at),
    }))
    .sort((a, b) => a.startMs - b.startMs || a.title.localeCompare(b.title) || a.id.localeCompare(b.id));
}

export function phaseOf(item: Item, now: number): Phase {
  switch (item.state) {
    case 'planned':
      if (now < item.opensMs) return 'upcoming';
      return now < item.closesMs ? 'opening' : 'over';
    case 'open':
    case 'live':
      return now < item.closesMs ? 'joinable' : 'over';
    case 'held':
    case 'not_held':
    case 'cancelled':
      return 'over';
    default:
      return item.state satisfies never;
  }
}

/** What the page «Сейчас» shows: everything that can be joined, then the nearest of what comes. */
export function overview(items: readonly Item[], now: number, nextCount = 3): { now: Item[]; next: Item[] } {
  const on = items.filter((item) => {
    const phase = phaseOf(item, now);
    return phase === 'joinable' || phase === 'opening';
  });
  // One's own work first, then what is already live, then by time.
  on.sort((a, b) => rank(a) - rank(b) || a.startMs - b.startMs);
  const next = items.filter((item) => phaseOf(item, now) === 'upcoming').slice(0, nextCount);
  return { now: on, next };
}

function rank(item: Item): number {
  return (
    (item.role === 'host' ? 0 : item.role === 'observer' || item.role === 'none' ? 4 : 2) +
    (item.state === 'live' ? 0 : 1)
  );
}

/** When the hub should be asked again: soon while something opens, else now and then. */
export function pollAfterMs(items: readonly Item[], now: number): number {
  let wait = 15_000;
  for (const item of items) {
    if (phaseOf(item, now) === 'opening') return 1_000;
    if (phaseOf(item, now) === 'upcoming') wait = Math.min(wait, Math.max(250, item.opensMs - now + 250));
  }
  return wait;
}

/** The countdown shown on a card that cannot be joined yet: to its opening, only within the last day. */
export function countdownMs(item: Item, now: number): number | undefined {
  const left = item.opensMs - now;
  return item.state === 'planned' && left > 0 && left < DAY_MS ? left : undefined;
}

/** `all`: everything that concerns the caller or any of the children. */
export function ofWard(items: readonly Item[], ward: string | 'all'): Item[] {
  return ward === 'all' ? [...items] : items.filter((item) => item.wards.includes(ward));
}

export function wardNames(item: Item, wards: readonly Ward[]): string[] {
  return wards.filter((ward) => item.wards.includes(ward.id)).map((ward) => firstName(ward.display_name));
}

/** «Иванова Мария Петровна» is «Мария» to her parents; a single word is left alone. */
function firstName(name: string): string {
  return name.split(' ')[1] ?? name;
}

/** The child beside whom a guardian joins: the chosen one, or the only one whom it concerns. */
export function besideOf(item: Item, ward: string | 'all'): string | undefined {
  if (item.role !== 'guardian') return undefined;
  if (ward !== 'all' && item.wards.includes(ward)) return ward;
  return item.wards[0];
}

export type Day = { key: string; startMs: number; items: Item[] };

export function byDay(items: readonly Item[], timeZone?: string): Day[] {
  const days = new Map<string, Day>();
  for (const item of items) {
    const key = dayKey(item.startMs, timeZone);
    const day = days.get(key);
    if (day) day.items.push(item);
    else days.set(key, { key, startMs: item.startMs, items: [item] });
  }
  return [...days.values()].sort((a, b) => a.key.localeCompare(b.key));
}

/** Noon UTC of a day: safe for showing the day's name in any zone. */
export function noonOf(key: string): number {
  return Date.parse(`${key}T12:00:00Z`);
}

/** Minutes since midnight in the zone. */
export function minuteOfDay(ms: number, timeZone?: string): number {
  const parts = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone })
    .format(ms)
    .split(':');
  return Number(parts[0]) * 60 + Number(parts[1]);
}

/** `lane` of `lanes` that share the width; minutes are since midnight. */
export type Block = { item: Item; from: number; to: number; lane: number; lanes: number };
export type WeekDay = { key: string; blocks: Block[] };
export type Week = { days: WeekDay[]; fromHour: number; toHour: number };

const SHORTEST_BLOCK_MIN = 30;

/** The grid of a week. Saturday and Sunday stand there only when they have something. */
export function week(items: readonly Item[], monday: string, timeZone?: string): Week {
  const perDay = byDay(items, timeZone);
  const days: WeekDay[] = [];
  for (let n = 0; n < 7; n += 1) {
    const key = addDays(monday, n);
    const blocks = lanes(perDay.find((day) => day.key === key)?.items ?? [], timeZone);
    if (n < 5 || blocks.length > 0) days.push({ key, blocks });
  }
  const all = days.flatMap((day) => day.blocks);
  const fromHour = Math.floor(Math.min(8 * 60, ...all.map((block) => block.from)) / 60);
  const toHour = Math.ceil(Math.max(17 * 60, ...all.map((block) => block.to)) / 60);
  return { days, fromHour, toHour: Math.min(24, toHour) };
}

/** Puts what overlaps side by side: the first free lane, and as many lanes as the cluster needs. */
function lanes(items: readonly Item[], timeZone?: string): Block[] {
  const blocks = items
    .map((item) => {
      const from = minuteOfDay(item.startMs, timeZone);
      const to = Math.min(24 * 60, from + Math.max(SHORTEST_BLOCK_MIN, (item.endMs - item.startMs) / 60_000));
      return { item, from, to, lane: 0, lanes: 1 };
    })
    .sort((a, b) => a.from - b.from);
  let cluster: Block[] = [];
  let clusterEnd = -1;
  const close = () => {
    const count = Math.max(0, ...cluster.map((block) => block.lane)) + 1;
    for (const block of cluster) block.lanes = count;
    cluster = [];
  };
  for (const block of blocks) {
    if (block.from >= clusterEnd) close();
    const taken = new Set(cluster.filter((other) => other.to > block.from).map((other) => other.lane));
    while (taken.has(block.lane)) block.lane += 1;
    cluster.push(block);
    clusterEnd = Math.max(clusterEnd, block.to);
  }
  close();
  return blocks;
}

/** Only web addresses become links; anything else in a card stays text. */
export function safeLink(url: string): string | undefined {
  try {
    const parsed = new URL(url);
    return parsed.protocol === 'https:' || parsed.protocol === 'http:' ? parsed.href : undefined;
  } catch {
    return undefined;
  }
}
