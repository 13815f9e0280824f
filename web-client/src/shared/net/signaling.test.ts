import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ClientMessage, Joined, ServerMessage } from '../wire.gen';
import { type Connection, hasSeat, Signaling, type Socket } from './signaling';

class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  onerror: (() => void) | null = null;
  sent: ClientMessage[] = [];
  closed = false;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as ClientMessage);
  }

  close(): void {
    this.closed = true;
  }

  says(message: ServerMessage): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  welcomes(): void {
    this.onopen?.();
    this.says({
      type: 'welcome',
      version: 1,
      person: 'p',
      display_name: 'П',
      server_time_ms: 0,
      ping_interval_ms: 5000,
    });
  }
}

const joined = (change: Partial<Joined> = {}): ServerMessage => ({
  type: 'joined',
  peer: 'peer',
  resume: 'secret',
  resumed: false,
  room: {
    room: 'r',
    form: 'chat',
    state: 'live',
    title: '',
    start_ms: 0,
    end_ms: 0,
    closes_ms: 0,
    policy: { microphones_locked: false, cameras_locked: false, chat_locked: false, admission: false, slow_mode_s: 0 },
  },
  rights: {
    publish_audio: false,
    publish_video: false,
    publish_screen: false,
    chat: true,
    raise_hand: true,
    moderate: false,
    receive_media: false,
  },
  members: [],
  hands: [],
  sources: [],
  chat: { messages: [], last_seq: 0, more: false },
  ice_servers: [],
  audio_slots: 0,
  video_slots: 0,
  camera_codec: 'vp8',
  screen_codec: 'vp8',
  ...change,
});

function setup() {
  const sockets: FakeSocket[] = [];
  const messages: ServerMessage[] = [];
  const connections: Connection[] = [];
  const stored = new Map<string, string>();
  const storage = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key),
  };
  const signaling = new Signaling({
    room: 'r',
    chatSeq: () => 7,
    onMessage: (message) => messages.push(message),
    onConnection: (connection) => connections.push(connection),
    openSocket: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    storage,
    random: () => 0.5,
  });
  const last = () => {
    const socket = sockets.at(-1);
    if (!socket) throw new Error('no socket yet');
    return socket;
  };
  return { signaling, sockets, messages, connections, storage, last };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('coming in', () => {
  it('says hello with the version, then joins', () => {
    const { signaling, last, connections } = setup();
    signaling.start();
    last().welcomes();
    expect(last().sent.map((message) => message.type)).toEqual(['hello', 'join']);
    last().says(joined());
    expect(connections.at(-1)).toEqual({ kind: 'online' });
  });

  it('sends nothing before it is welcomed', () => {
    const { signaling, last } = setup();
    signaling.start();
    last().onopen?.();
    expect(signaling.send({ type: 'hand', raised: true })).toBe(false);
    expect(last().sent.map((message) => message.type)).toEqual(['hello']);
  });

  it('stops at a refusal, and joins anew when asked', () => {
    const { signaling, sockets, messages, last, connections } = setup();
    signaling.start();
    last().welcomes();
    last().says({ type: 'error', code: 'too_early', request: 'join', retry_after_ms: 90_000 });
    expect(messages.at(-1)).toMatchObject({ code: 'too_early' });
    expect(connections.at(-1)).toEqual({ kind: 'stopped' });
    vi.advanceTimersByTime(120_000);
    expect(last().sent.map((message) => message.type)).toEqual(['hello', 'join']);
    signaling.join();
    expect(last().sent.map((message) => message.type)).toEqual(['hello', 'join', 'join']);
    expect(sockets).toHaveLength(1);
  });

  it('does not come back by itself after a refusal, but does when asked', () => {
    const { signaling, sockets, last } = setup();
    signaling.start();
    last().welcomes();
    last().says({ type: 'error', code: 'not_on_roster', request: 'join' });
    last().onclose?.();
    vi.advanceTimersByTime(60_000);
    expect(sockets).toHaveLength(1);
    signaling.join();
    expect(sockets).toHaveLength(2);
  });
});

describe('coming back', () => {
  it('takes the same seat again with what it has seen of the chat', () => {
    const { signaling, sockets, last, connections } = setup();
    signaling.start();
    last().welcomes();
    last().says(joined());
    last().onclose?.();
    expect(connections.at(-1)).toEqual({ kind: 'reconnecting', attempt: 1, delayMs: 400 });
    vi.advanceTimersByTime(399);
    expect(sockets).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(sockets).toHaveLength(2);
    last().welcomes();
    expect(last().sent.at(-1)).toEqual({ type: 'resume', room: 'r', token: 'secret', chat_seq: 7 });
    last().says(joined({ resumed: true }));
    expect(connections.at(-1)).toEqual({ kind: 'online' });
  });

  it('joins anew when the seat is gone', () => {
    const { signaling, last, storage, messages } = setup();
    storage.setItem('kafedra.resume.r', 'old');
    expect(hasSeat('r', storage)).toBe(true);
    signaling.start();
    last().welcomes();
    last().says({ type: 'error', code: 'not_found', request: 'resume' });
    expect(last().sent.map((message) => message.type)).toEqual(['hello', 'resume', 'join']);
    expect(messages.some((message) => message.type === 'error')).toBe(false);
    expect(hasSeat('r', storage)).toBe(false);
  });

  it('waits longer each time, but never longer than 15 s', () => {
    const { signaling, last, connections } = setup();
    signaling.start();
    last().welcomes();
    last().says(joined());
    for (let n = 0; n < 8; n += 1) {
      last().onclose?.();
      vi.advanceTimersByTime(20_000);
    }
    const delays = connections.flatMap((connection) =>
      connection.kind === 'reconnecting' ? [connection.delayMs] : [],
    );
    expect(delays).toEqual([400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]);
  });

  it('does as the restarting hub says', () => {
    const { signaling, last, connections } = setup();
    signaling.start();
    last().welcomes();
    last().says(joined());
    last().says({ type: 'reconnect', after_ms: 2000 });
    last().onclose?.();
    expect(connections.at(-1)).toMatchObject({ kind: 'reconnecting', delayMs: 3000 });
  });

  it('tries again when the hub is busy after a loss', () => {
    const { signaling, sockets, last } = setup();
    signaling.start();
    last().welcomes();
    last().says(joined());
    last().onclose?.();
    vi.advanceTimersByTime(400);
    last().welcomes();
    last().says({ type: 'error', code: 'not_found', request: 'resume' });
    last().says({ type: 'error', code: 'unavailable', request: 'join', retry_after_ms: 1500 });
    vi.advanceTimersByTime(1500);
    expect(sockets).toHaveLength(3);
  });

  it('asks after 10 s of silence and gives the line up 5 s later', () => {
    const { signaling, sockets, last } = setup();
    signaling.start();
    last().welcomes();
    last().says(joined());
    vi.advanceTimersByTime(10_000);
    expect(last().sent.at(-1)).toEqual({ type: 'chat_history', limit: 1 });
    vi.advanceTimersByTime(4_999);
    expect(sockets[0]?.closed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(sockets[0]?.closed).toBe(true);
    vi.advanceTimersByTime(400);
    expect(sockets).toHaveLength(2);
  });

  it('is calm while answers come', () => {
    const { signaling, sockets, last } = setup();
    signaling.start();
    last().welcomes();
    last().says(joined());
    for (let n = 0; n < 10; n += 1) {
      vi.advanceTimersByTime(10_000);
      last().says({ type: 'chat_history', messages: [], last_seq: 0, more: false });
    }
    expect(sockets).toHaveLength(1);
  });
});

describe('going', () => {
  it('gives the seat up and does not come back', () => {
    const { signaling, sockets, last, storage } = setup();
    signaling.start();
    last().welcomes();
    last().says(joined());
    signaling.leave();
    expect(last().sent.at(-1)).toEqual({ type: 'leave' });
    expect(hasSeat('r', storage)).toBe(false);
    vi.advanceTimersByTime(60_000);
    expect(sockets).toHaveLength(1);
  });

  it.each(['ended', 'removed', 'replaced'] as const)('stays away after closed: %s', (reason) => {
    const { signaling, sockets, last, messages, storage } = setup();
    signaling.start();
    last().welcomes();
    last().says(joined());
    last().says({ type: 'closed', reason, room: 'r' });
    expect(messages.at(-1)).toEqual({ type: 'closed', reason, room: 'r' });
    expect(hasSeat('r', storage)).toBe(false);
    vi.advanceTimersByTime(60_000);
    expect(sockets).toHaveLength(1);
  });
});
