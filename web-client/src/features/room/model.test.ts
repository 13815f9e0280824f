import { describe, expect, it } from 'vitest';
import type { ChatMessage, Joined, MemberView, ServerMessage } from '../../shared/wire.gen';
import { missingBefore, pieces, unread } from './chat-model';
import { emptyRoom, handPlace, notHearingMe, people, type RoomEvent, type RoomModel, reduce, unheardBy } from './model';

const member = (peer: string, change: Partial<MemberView> = {}): MemberView => ({
  peer,
  person: `person-${peer}`,
  display_name: peer,
  role: 'recipient',
  seat: 'person',
  connected: true,
  microphone: false,
  camera: false,
  screen: false,
  hand: false,
  promoted: false,
  ...change,
});

const message = (seq: number, author = 'person-host', change: Partial<ChatMessage> = {}): ChatMessage => ({
  message: `m${seq}`,
  seq,
  author,
  author_name: author,
  client_msg_id: `c${seq}`,
  body: `text ${seq}`,
  sent_ms: seq,
  deleted: false,
  ...change,
});

const joined = (change: Partial<Joined> = {}): ServerMessage => ({
  type: 'joined',
  peer: 'me',
  resume: 'secret',
  resumed: false,
  room: {
    room: 'r',
    form: 'video_conference',
    state: 'live',
    title: 'Дроби',
    start_ms: 0,
    end_ms: 0,
    closes_ms: 0,
    policy: { microphones_locked: false, cameras_locked: false, chat_locked: false, admission: false, slow_mode_s: 0 },
  },
  rights: {
    publish_audio: true,
    publish_video: true,
    publish_screen: false,
    chat: true,
    raise_hand: true,
    moderate: false,
    receive_media: true,
  },
  members: [member('host', { role: 'host' }), member('me'), member('anna')],
  hands: [],
  sources: [],
  chat: { messages: [message(1), message(2)], last_seq: 2, more: false },
  ice_servers: [],
  audio_slots: 3,
  video_slots: 9,
  camera_codec: 'vp8',
  screen_codec: 'vp8',
  ...change,
});

/** The hub says these one after the other. */
function roomAfter(...script: (ServerMessage | RoomEvent)[]): RoomModel {
  return script.reduce<RoomModel>((model, step) => {
    const event: RoomEvent =
      step.type === 'server' ||
      step.type === 'connection' ||
      step.type === 'left' ||
      step.type === 'chat_written' ||
      step.type === 'chat_given_up' ||
      step.type === 'chat_older_asked' ||
      step.type === 'chat_read' ||
      step.type === 'notice' ||
      step.type === 'notice_dismissed'
        ? step
        : { type: 'server', message: step, nowMs: 1000 };
    return reduce(model, event);
  }, emptyRoom);
}

const told = (model: RoomModel) => model.notices.map(({ id: _, ...rest }) => rest);

describe('who cannot hear whom', () => {
  const pairs = [
    { speaker: 'me', listener: 'anna' },
    { speaker: 'host', listener: 'me' },
    { speaker: 'me', listener: 'gone' },
  ];

  it('is told by name, and only of those who are here', () => {
    const model = roomAfter(joined(), { type: 'unheard', pairs });
    expect(notHearingMe(model)).toEqual([model.members.get('anna')?.display_name]);
    expect(unheardBy(model, 'me')).toEqual([model.members.get('host')?.display_name]);
  });

  it('is over when the hub says so, and forgotten with the seat', () => {
    expect(roomAfter(joined(), { type: 'unheard', pairs }, { type: 'unheard', pairs: [] }).unheard).toEqual([]);
    expect(roomAfter(joined(), { type: 'unheard', pairs }, joined({ resumed: true })).unheard).toEqual([]);
  });
});

describe('coming in', () => {
  it('waits in the lobby, then sits down', () => {
    const waiting: ServerMessage = {
      type: 'waiting',
      reason: 'host_absent',
      waiting: 3,
      room: (joined() as Joined & { type: 'joined' }).room,
    };
    expect(roomAfter(waiting).stage).toEqual({ kind: 'waiting', reason: 'host_absent', waiting: 3 });
    const inside = roomAfter(waiting, joined());
    expect(inside.stage).toEqual({ kind: 'inside' });
    expect(inside.person).toBe('person-me');
    expect(inside.joinedMs).toBe(1000);
  });

  it('is refused with the time after which to try again', () => {
    const model = roomAfter({ type: 'error', code: 'too_early', request: 'join', retry_after_ms: 92_000 });
    expect(model.stage).toEqual({ kind: 'refused', refusal: { code: 'too_early', retryAfterMs: 92_000 } });
  });

  it.each(['ended', 'ended_by_host', 'not_held', 'removed', 'replaced'] as const)('ends: %s', (reason) => {
    expect(roomAfter(joined(), { type: 'closed', reason, room: 'r' }).stage).toEqual({ kind: 'over', reason });
  });
});

describe('people', () => {
  it('tells who comes and goes, but not of programs', () => {
    const model = roomAfter(
      joined(),
      { type: 'member_joined', member: member('boris') },
      { type: 'member_joined', member: member('obs', { seat: 'publisher' }) },
      { type: 'member_left', peer: 'anna', reason: 'lost' },
    );
    expect(told(model)).toEqual([
      { kind: 'came', name: 'boris' },
      { kind: 'gone', name: 'anna' },
    ]);
    expect(people(model).map(({ peer }) => peer)).toEqual(['host', 'boris', 'me']);
  });

  it('keeps the order of hands and tells of new ones', () => {
    const model = roomAfter(
      joined(),
      { type: 'hand_queue', peers: ['anna'] },
      { type: 'hand_queue', peers: ['anna', 'me'] },
    );
    expect(handPlace(model, 'anna')).toBe(1);
    expect(handPlace(model, 'me')).toBe(2);
    expect(people(model).map(({ peer }) => peer)).toEqual(['host', 'anna', 'me']);
    expect(told(model)).toEqual([{ kind: 'hand', name: 'anna' }]);
  });

  it('tells one that one has the floor, and that it is gone', () => {
    const given = roomAfter(joined(), { type: 'member_changed', member: member('me', { promoted: true }) });
    expect(told(given)).toEqual([{ kind: 'floor_given' }]);
    const taken = reduce(given, {
      type: 'server',
      nowMs: 0,
      message: { type: 'member_changed', member: member('me') },
    });
    expect(told(taken).at(-1)).toEqual({ kind: 'floor_taken' });
  });

  it('remembers who spoke last through a pause, never oneself', () => {
    const model = roomAfter(
      joined(),
      { type: 'speakers', peers: ['me', 'anna'] },
      { type: 'speakers', peers: ['me'] },
      { type: 'speakers', peers: [] },
    );
    expect(model.lastSpeaker).toBe('anna');
    expect(model.speakers).toEqual([]);
  });

  it('tells moderators of those who wait, once for each newcomer', () => {
    const waiting = (peer: string) => ({
      peer,
      person: peer,
      display_name: peer,
      role: 'recipient' as const,
      reason: 'admission' as const,
    });
    const model = roomAfter(
      joined(),
      { type: 'lobby', waiting: [waiting('x')] },
      { type: 'lobby', waiting: [waiting('x'), waiting('y')] },
      { type: 'lobby', waiting: [waiting('y')] },
    );
    expect(told(model)).toEqual([{ kind: 'lobby' }, { kind: 'lobby' }]);
    expect(model.lobby).toHaveLength(1);
  });
});

describe('refusals inside', () => {
  it('shows what the person asked for, keeps quiet about the rest', () => {
    const model = roomAfter(
      joined(),
      { type: 'error', code: 'not_found', request: 'slots' },
      { type: 'error', code: 'room_locked', request: 'mute' },
    );
    expect(told(model)).toEqual([{ kind: 'refused', refusal: { code: 'room_locked', retryAfterMs: undefined } }]);
    expect(model.stage).toEqual({ kind: 'inside' });
  });
});

describe('the line', () => {
  it('says so when it is back', () => {
    const model = roomAfter(
      joined(),
      { type: 'connection', connection: { kind: 'reconnecting', attempt: 1, delayMs: 400 } },
      { type: 'connection', connection: { kind: 'online' } },
    );
    expect(told(model)).toEqual([{ kind: 'back_online' }]);
  });

  it('keeps pictures on their slots over a resume, and drops them for a new seat', () => {
    const map: ServerMessage = { type: 'slot_map', slots: [{ mid: '4', source: 'host:camera' }, { mid: '5' }] };
    expect([...roomAfter(joined(), map, joined({ resumed: true })).slots]).toEqual([['4', 'host:camera']]);
    expect([...roomAfter(joined(), map, joined()).slots]).toEqual([]);
  });
});

describe('chat', () => {
  const outgoing = {
    clientMsgId: 'mine',
    body: 'Здравствуйте',
    replyTo: undefined,
    sentMs: 5,
    state: 'sending' as const,
  };

  it('counts what came since one looked, one’s own words not', () => {
    const model = roomAfter(
      joined(),
      { type: 'chat_message', ...message(3) },
      { type: 'chat_message', ...message(4, 'person-me') },
    );
    expect(unread(model.chat, model.person)).toBe(1);
    expect(unread(reduce(model, { type: 'chat_read' }).chat, model.person)).toBe(0);
  });

  it('holds what is on its way until it stands in the order of the room', () => {
    const sent = roomAfter(joined(), { type: 'chat_written', outgoing });
    expect(sent.chat.outgoing).toHaveLength(1);
    const acked = reduce(sent, {
      type: 'server',
      nowMs: 0,
      message: { type: 'chat_ack', client_msg_id: 'mine', message: 'm3', seq: 3 },
    });
    expect(acked.chat.outgoing).toHaveLength(1);
    const seen = reduce(acked, {
      type: 'server',
      nowMs: 0,
      message: { type: 'chat_message', ...message(3, 'person-me', { client_msg_id: 'mine' }) },
    });
    expect(seen.chat.outgoing).toEqual([]);
    expect(seen.chat.messages.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  });

  it('keeps a refused message for another try', () => {
    const model = roomAfter(
      joined(),
      { type: 'chat_written', outgoing },
      { type: 'error', code: 'storage_full', request: 'chat_send', client_msg_id: 'mine' },
    );
    expect(model.chat.outgoing).toEqual([{ ...outgoing, state: 'failed', code: 'storage_full' }]);
    expect(reduce(model, { type: 'chat_given_up', clientMsgId: 'mine' }).chat.outgoing).toEqual([]);
  });

  it('misses nothing over a resume', () => {
    const model = roomAfter(
      joined(),
      joined({ resumed: true, chat: { messages: [message(3), message(4)], last_seq: 4, more: false } }),
    );
    expect(model.chat.messages.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect(missingBefore(model.chat)).toBeUndefined();
  });

  it('finds a hole and closes it with history', () => {
    const holed = roomAfter(joined(), { type: 'chat_message', ...message(5) });
    expect(missingBefore(holed.chat)).toBe(5);
    const filled = reduce(holed, {
      type: 'server',
      nowMs: 0,
      message: { type: 'chat_history', messages: [message(2), message(3), message(4)], last_seq: 5, more: true },
    });
    expect(filled.chat.messages.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
    expect(filled.chat.more).toBe(false);
  });

  it('pages backwards until there is nothing older', () => {
    const start = joined({ chat: { messages: [message(51), message(52)], last_seq: 52, more: true } });
    const asked = roomAfter(start, { type: 'chat_older_asked' });
    expect(asked.chat.loadingOlder).toBe(true);
    const page: ServerMessage = {
      type: 'chat_history',
      messages: [message(49), message(50)],
      last_seq: 52,
      more: false,
    };
    const model = reduce(asked, { type: 'server', nowMs: 0, message: page });
    expect(model.chat).toMatchObject({ loadingOlder: false, more: false });
    expect(model.chat.messages.map(({ seq }) => seq)).toEqual([49, 50, 51, 52]);
  });

  it('is not led astray by the answer to a probe', () => {
    const start = joined({ chat: { messages: [message(51), message(52)], last_seq: 52, more: true } });
    const probe: ServerMessage = { type: 'chat_history', messages: [message(52)], last_seq: 52, more: true };
    expect(roomAfter(start, probe).chat).toMatchObject({ more: true, lastSeq: 52 });
    expect(
      roomAfter(joined(), { type: 'chat_history', messages: [message(2)], last_seq: 2, more: true }).chat.more,
    ).toBe(false);
  });

  it('shows an edit and a deletion in place', () => {
    const model = roomAfter(joined(), {
      type: 'chat_changed',
      message: message(1, 'person-host', { body: '', deleted: true }),
    });
    expect(model.chat.messages.map(({ deleted }) => deleted)).toEqual([true, false]);
  });
});

describe('links in messages', () => {
  it.each([
    ['просто текст', [{ text: 'просто текст' }]],
    [
      'см. https://school.example/a?b=1.',
      [{ text: 'см. ' }, { text: 'https://school.example/a?b=1', href: 'https://school.example/a?b=1' }, { text: '.' }],
    ],
    ['javascript:alert(1)', [{ text: 'javascript:alert(1)' }]],
    ['<b>не html</b>', [{ text: '<b>не html</b>' }]],
  ])('%s', (body, expected) => expect(pieces(body)).toEqual(expected));
});
