import { describe, expect, it } from 'vitest';
import type { Form, MemberView, SourceView } from '../../shared/wire.gen';
import { heightToAsk, layout, type PlacedTile, type View, wishes } from './layout';
import { emptyRoom, type RoomModel } from './model';

const DESKTOP = { width: 1280, height: 660 };
const PHONE = { width: 344, height: 560 };
const GRID: View = { mode: 'grid', pinned: undefined, hideSelf: false, page: 0 };
const SPEAKER: View = { ...GRID, mode: 'speaker' };

const member = (peer: string, change: Partial<MemberView> = {}): MemberView => ({
  peer,
  person: peer,
  display_name: peer,
  role: 'recipient',
  seat: 'person',
  connected: true,
  microphone: false,
  camera: true,
  screen: false,
  hand: false,
  promoted: false,
  ...change,
});
const source = (peer: string, kind: SourceView['kind'], muted = false): SourceView => ({
  source: `${peer}:${kind}`,
  peer,
  kind,
  muted,
  encrypted: false,
});

/** `me` is a recipient; cameras of everybody are on. */
function room(members: MemberView[], change: Partial<RoomModel> = {}, form: Form = 'video_conference'): RoomModel {
  return {
    ...emptyRoom,
    peer: 'me',
    room: {
      room: 'r',
      form,
      state: 'live',
      title: '',
      start_ms: 0,
      end_ms: 0,
      closes_ms: 0,
      policy: {
        microphones_locked: false,
        cameras_locked: false,
        chat_locked: false,
        admission: false,
        slow_mode_s: 0,
      },
    },
    members: new Map(members.map((one) => [one.peer, one])),
    sources: members.map(({ peer }) => source(peer, 'camera')),
    ...change,
  };
}

const crowd = (count: number) => [
  member('host', { role: 'host' }),
  member('me'),
  ...Array.from({ length: count - 2 }, (_, n) => member(`p${n}`)),
];

function overlap(a: PlacedTile, b: PlacedTile): boolean {
  return (
    a.rect.x < b.rect.x + b.rect.width &&
    b.rect.x < a.rect.x + a.rect.width &&
    a.rect.y < b.rect.y + b.rect.height &&
    b.rect.y < a.rect.y + a.rect.height
  );
}

describe('the grid', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9])('shows %i people without overlap, inside the stage', (count) => {
    for (const size of [DESKTOP, PHONE]) {
      const { tiles } = layout(room(crowd(Math.max(2, count)).slice(0, count)), GRID, size);
      expect(tiles).toHaveLength(count);
      for (const [n, tile] of tiles.entries()) {
        expect(tile.rect.x).toBeGreaterThanOrEqual(0);
        expect(tile.rect.x + tile.rect.width).toBeLessThanOrEqual(size.width + 1);
        expect(tile.rect.y + tile.rect.height).toBeLessThanOrEqual(size.height + 1);
        expect(tile.rect.width / tile.rect.height).toBeGreaterThan(0.99);
        for (const other of tiles.slice(n + 1)) expect(overlap(tile, other)).toBe(false);
      }
    }
  });

  it('puts the host first and oneself last', () => {
    const ids = layout(room(crowd(4)), GRID, DESKTOP).tiles.map((tile) => tile.peer);
    expect(ids).toEqual(['host', 'p0', 'p1', 'me']);
  });

  it('turns pages of nine, and keeps oneself on the first', () => {
    const model = room(crowd(12));
    const first = layout(model, GRID, DESKTOP);
    expect(first).toMatchObject({ page: 0, pages: 2 });
    expect(first.tiles.map((tile) => tile.peer)).toContain('me');
    const second = layout(model, { ...GRID, page: 1 }, DESKTOP);
    expect(second.tiles).toHaveLength(3);
    expect(layout(model, { ...GRID, page: 7 }, DESKTOP).page).toBe(1);
  });

  it('hides oneself on request, and shows a name where a camera is off', () => {
    const model = room(crowd(3), { sources: [source('host', 'camera'), source('p0', 'camera', true)] });
    const { tiles } = layout(model, { ...GRID, hideSelf: true }, DESKTOP);
    expect(tiles.map(({ peer, source: shown }) => [peer, shown])).toEqual([
      ['host', 'host:camera'],
      ['p0', undefined],
    ]);
  });

  it('leaves observers and watching programs out', () => {
    const model = room([...crowd(2), member('deputy', { role: 'observer' }), member('tv', { seat: 'watcher' })]);
    expect(layout(model, GRID, DESKTOP).tiles.map((tile) => tile.peer)).toEqual(['host', 'me']);
  });
});

describe('the speaker view', () => {
  it('makes who spoke last large, the host before anybody spoke', () => {
    const model = room(crowd(5));
    expect(layout(model, SPEAKER, DESKTOP).tiles[0]).toMatchObject({ peer: 'host', place: 'large' });
    expect(layout({ ...model, lastSpeaker: 'p1' }, SPEAKER, DESKTOP).tiles[0]).toMatchObject({
      peer: 'p1',
      place: 'large',
    });
  });

  it('puts what is pinned above all', () => {
    const model = room(crowd(5), { lastSpeaker: 'p1' });
    const { tiles } = layout(model, { ...GRID, pinned: 'p2:camera' }, DESKTOP);
    expect(tiles[0]).toMatchObject({ peer: 'p2', place: 'large' });
  });

  it("gives a screen the stage, with its presenter's face in the corner", () => {
    const people = crowd(4);
    const sources = [...people.map(({ peer }) => source(peer, 'camera')), source('host', 'screen')];
    const { tiles } = layout(room(people, { sources }), GRID, DESKTOP);
    expect(tiles[0]).toMatchObject({ id: 'host:screen', place: 'large' });
    expect(tiles[1]).toMatchObject({ id: 'host:camera', place: 'corner' });
    expect(tiles.slice(2).map((tile) => tile.place)).toEqual(['small', 'small', 'small']);
  });

  it('does not show one one’s own screen', () => {
    const people = crowd(2);
    const sources = [source('me', 'screen'), source('host', 'camera')];
    expect(layout(room(people, { sources }), GRID, DESKTOP).tiles.map((tile) => tile.id)).toEqual([
      'host:camera',
      'me:camera',
    ]);
  });

  it('asks for at most nine pictures at once', () => {
    const people = crowd(40);
    const sources = [...people.map(({ peer }) => source(peer, 'camera')), source('host', 'screen')];
    for (const size of [DESKTOP, PHONE, { width: 3000, height: 2000 }]) {
      const { tiles } = layout(room(people, { sources }), SPEAKER, size);
      expect(tiles.filter((tile) => !tile.own).length).toBeLessThanOrEqual(9);
    }
  });
});

describe('a webinar', () => {
  it('shows hosts and who has the floor, not the audience', () => {
    const people = [...crowd(6), member('called', { promoted: true })];
    const { tiles } = layout(room(people, {}, 'webinar'), SPEAKER, DESKTOP);
    expect(tiles.map((tile) => tile.peer)).toEqual(['host', 'called']);
  });

  it('has nothing to show in a chat', () => {
    expect(layout(room(crowd(4), {}, 'chat'), GRID, DESKTOP).tiles).toEqual([]);
  });
});

describe('wishes', () => {
  const tile = (id: string, height: number, own = false): PlacedTile => ({
    id,
    peer: id,
    kind: 'camera',
    source: id,
    own,
    place: 'small',
    rect: { x: 0, y: 0, width: height, height },
  });

  it('keeps a picture in its slot while others come and go', () => {
    const first = wishes([tile('a', 300), tile('b', 300)], ['4', '5', '6'], [], 1);
    expect(first).toEqual([
      { mid: '4', source: 'a', max_height: 360 },
      { mid: '5', source: 'b', max_height: 360 },
      { mid: '6', max_height: 0 },
    ]);
    expect(wishes([tile('c', 300), tile('b', 300)], ['4', '5', '6'], first, 1)).toEqual([
      { mid: '4', source: 'c', max_height: 360 },
      { mid: '5', source: 'b', max_height: 360 },
      { mid: '6', max_height: 0 },
    ]);
  });

  it('asks for nothing of oneself, and gives the largest the last slot', () => {
    const slots = wishes([tile('me', 400, true), tile('small', 90), tile('large', 700)], ['4'], [], 1);
    expect(slots).toEqual([{ mid: '4', source: 'large', max_height: 720 }]);
  });

  it.each([
    [80, 1, 90],
    [91, 1, 180],
    [300, 2, 720],
    [300, 3, 720],
    [2000, 1, 1080],
  ])('a tile of %i px at a pixel ratio of %i is asked for at %i', (height, ratio, asked) => {
    expect(heightToAsk(height, ratio)).toBe(asked);
  });
});
