import { describe, expect, it } from 'vitest';
import type { Consultation } from '../../shared/api';
import { mondayOf } from '../../shared/dates';
import { besideOf, byDay, countdownMs, ofWard, overview, phaseOf, pollAfterMs, safeLink, toItems, week } from './model';

const NOON = Date.parse('2026-11-23T12:00:00Z');
const MIN = 60_000;

function consultation(id: string, startMin: number, change: Partial<Consultation> = {}): Consultation {
  const at = (minutes: number) => new Date(NOON + minutes * MIN).toISOString();
  return {
    id,
    may_close: false,
    form: 'video_conference',
    state: 'planned',
    start: at(startMin),
    end: at(startMin + 40),
    opens_at: at(startMin - 10),
    closes_at: at(startMin + 45),
    room: id,
    title: id,
    host: { id: 't', display_name: 'Учитель' },
    kind: 'current',
    topics: [],
    parts: [],
    audience: { students: true, guardians: false },
    materials: [],
    card_key: id,
    role: 'recipient',
    wards: [],
    warnings: [],
    ...change,
  };
}

const items = (...all: Consultation[]) => toItems(all);

describe('now and next', () => {
  it('puts what can be joined first and the nearest others after it', () => {
    const all = items(
      consultation('later', 300),
      consultation('soon', 20),
      consultation('live', -10, { state: 'live' }),
      consultation('open', 5, { state: 'open' }),
      consultation('done', -60, { state: 'held' }),
    );
    const { now, next } = overview(all, NOON);
    expect(now.map((item) => item.id)).toEqual(['live', 'open']);
    expect(next.map((item) => item.id)).toEqual(['soon', 'later']);
  });

  it("puts a teacher's own consultation before one that is only observed", () => {
    const all = items(
      consultation('observed', -20, { state: 'live', role: 'observer' }),
      consultation('own', 5, { state: 'open', role: 'host' }),
    );
    expect(overview(all, NOON).now.map((item) => item.id)).toEqual(['own', 'observed']);
  });

  it.each([
    ['planned', 20, 'upcoming'],
    ['planned', 5, 'opening'],
    ['planned', -60, 'over'],
    ['open', 5, 'joinable'],
    ['live', -44, 'joinable'],
    ['live', -46, 'over'],
    ['held', 5, 'over'],
    ['not_held', -5, 'over'],
    ['cancelled', 5, 'over'],
  ] as const)('a %s consultation that starts in %s min is %s', (state, start, phase) => {
    expect(items(consultation('c', start, { state })).map((item) => phaseOf(item, NOON))).toEqual([phase]);
  });

  it('counts down to the opening, within a day of it', () => {
    const [soon, far] = items(consultation('soon', 11.5), consultation('far', 3000));
    expect(soon && countdownMs(soon, NOON)).toBe(1.5 * MIN);
    expect(far && countdownMs(far, NOON)).toBeUndefined();
    expect(soon && countdownMs(soon, NOON + 2 * MIN)).toBeUndefined();
  });

  it('asks the hub again each second while something opens, and right after an opening', () => {
    expect(pollAfterMs(items(consultation('c', 5)), NOON)).toBe(1000);
    expect(pollAfterMs(items(consultation('c', 10.05)), NOON)).toBe(3250);
    expect(pollAfterMs(items(consultation('c', 500)), NOON)).toBe(15_000);
  });
});

describe('guardians', () => {
  const all = items(
    consultation('a', 0, { wards: ['timofey'], role: 'guardian' }),
    consultation('b', 0, { wards: ['vera'], role: 'guardian' }),
    consultation('c', 0, { wards: ['timofey', 'vera'], role: 'guardian' }),
  );
  it.each([
    ['all', ['a', 'b', 'c']],
    ['timofey', ['a', 'c']],
    ['vera', ['b', 'c']],
  ])('sees of %s: %s', (ward, ids) => expect(ofWard(all, ward).map((item) => item.id)).toEqual(ids));

  it('comes beside the chosen child, else beside the one whom it concerns', () => {
    const both = all[2];
    const vera = all[1];
    if (!both || !vera) throw new Error('three items');
    expect(besideOf(both, 'vera')).toBe('vera');
    expect(besideOf(vera, 'all')).toBe('vera');
    expect(besideOf({ ...vera, role: 'recipient' }, 'all')).toBeUndefined();
  });
});

describe('days and weeks', () => {
  it('sorts into days of the zone', () => {
    const late = items(consultation('late', 11 * 60));
    expect(byDay(late, 'UTC').map((day) => day.key)).toEqual(['2026-11-23']);
    expect(byDay(late, 'Asia/Kamchatka').map((day) => day.key)).toEqual(['2026-11-24']);
  });

  it.each([
    ['2026-11-22', '2026-11-16'],
    ['2026-11-23', '2026-11-23'],
    ['2027-01-01', '2026-12-28'],
  ])('the week of %s starts on %s', (day, monday) => expect(mondayOf(day)).toBe(monday));

  it('puts what overlaps side by side and leaves the rest its full width', () => {
    const grid = week(
      items(consultation('a', 0), consultation('b', 10), consultation('c', 45), consultation('d', 120)),
      '2026-11-23',
      'UTC',
    );
    const monday = grid.days[0];
    expect(monday?.blocks.map(({ item, lane, lanes }) => [item.id, lane, lanes])).toEqual([
      ['a', 0, 2],
      ['b', 1, 2],
      ['c', 0, 2],
      ['d', 0, 1],
    ]);
  });

  it('has five days, more only when something is there, and hours that hold everything', () => {
    expect(week([], '2026-11-23', 'UTC')).toMatchObject({ fromHour: 8, toHour: 17 });
    expect(week([], '2026-11-23', 'UTC').days).toHaveLength(5);
    const sunday = week(items(consultation('c', 6 * 24 * 60 + 9 * 60)), '2026-11-23', 'UTC');
    expect(sunday.days).toHaveLength(6);
    expect(sunday.toHour).toBe(22);
  });
});

it('makes links of web addresses only', () => {
  expect(safeLink('https://school.example/a')).toBe('https://school.example/a');
  expect(safeLink('javascript:alert(1)')).toBeUndefined();
  expect(safeLink('учебник, с. 5')).toBeUndefined();
});
