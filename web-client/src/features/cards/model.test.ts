import { describe, expect, it } from 'vitest';
import type { CardOptions } from '../../shared/planning/api';
import { emptyCard, isComplete, isSame, programmeOf, refusedCount, slotNumber, toLines, toList } from './model';

const options: CardOptions = {
  groups: [
    { id: 'g5', class: '5А', name: '', grade: 5 },
    { id: 'g9', class: '9Б', name: '', grade: 9 },
  ],
  subjects: [{ id: 'm', name: 'Математика' }],
  hosts: [{ id: 'me', name: 'Я' }],
  programmes: [{ subject: 'm', grade: 9, parts: [{ title: '1 четверть', completed: true, topics: ['Дроби'] }] }],
  periods: [],
};

describe('a card in its form', () => {
  it('begins empty, held by whoever writes it', () => {
    const card = emptyCard(options, 'me', '2026-12-03');
    expect([card.content.teacher, card.content.slots[0]?.host, isComplete(card)]).toEqual(['me', 'me', false]);
    expect(emptyCard(options, 'somebody else', '2026-12-03').content.teacher).toBe('me');
  });

  it('knows the programme of subject and grade', () => {
    const card = emptyCard(options, 'me', '2026-12-03');
    expect(programmeOf(card, options)).toEqual([]);
    card.content.group = 'g9';
    expect(programmeOf(card, options).map(({ title }) => title)).toEqual(['1 четверть']);
  });

  it('reads lists as people type them', () => {
    expect(toList('Дроби, Проценты;\n Дроби ')).toEqual(['Дроби', 'Проценты']);
    expect(toLines('https://a.example/1,2\n\n https://b.example ')).toEqual([
      'https://a.example/1,2',
      'https://b.example',
    ]);
  });

  it('sees a change and counts refused dates', () => {
    const card = emptyCard(options, 'me', '2026-12-03');
    const other = structuredClone(card);
    expect(isSame(card, other)).toBe(true);
    other.content.title = 'Дроби';
    expect(isSame(card, other)).toBe(false);
    const finding = { code: 'load_exceeded', params: {}, overridable: true };
    const dates = [
      { slot_key: 'a#1', findings: [{ ...finding, refused: true }] },
      { slot_key: 'a#1', findings: [{ ...finding, refused: false }] },
    ];
    expect(refusedCount(dates)).toBe(1);
    expect([slotNumber(card, '?#0'), slotNumber(card, 'other')]).toEqual([1, 0]);
  });
});
