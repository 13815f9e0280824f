// The WebSocket to a room: hello, join or resume, come back after a loss. Typed by the wire types; knows nothing of pages.
import {
  type ClientMessage,
  type PersonId,
  PROTOCOL_VERSION,
  type RefusalCode,
  type RoomId,
  type ServerMessage,
} from '../wire.gen';

export type Connection =
  /** The first attempt, nothing was there before. */
  | { kind: 'connecting' }
  /** Seated or in the lobby. */
  | { kind: 'online' }
  /** The socket is gone; the next attempt comes after `delayMs`. */
  | { kind: 'reconnecting'; attempt: number; delayMs: number }
  /** Nobody tries any more: left, closed, refused. */
  | { kind: 'stopped' };

/** What is used of a WebSocket; tests bring their own. */
export type Socket = {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  onerror: (() => void) | null;
  send(text: string): void;
  close(): void;
};

export type SignalingOptions = {
  room: RoomId;
  beside?: PersonId;
  /** Highest chat sequence number seen, asked for at every resume. */
  chatSeq: () => number;
  onMessage: (message: ServerMessage) => void;
  onConnection: (connection: Connection) => void;
  openSocket?: () => Socket;
  storage?: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  random?: () => number;
  client?: string;
};

/** The hub pings every few seconds, but a page cannot see pings: after this silence it asks for something itself. */
const QUIET_MS = 10_000;
/** And this long it waits for the answer before it takes the line for dead (15 s of silence are the protocol's limit). */
const PROBE_MS = 5_000;
/** When media has stopped too, the device is probably in another network: every second without the hub is one without sound. */
const SUSPECT_MS = 1_200;
const FIRST_DELAY_MS = 400;
const LONGEST_DELAY_MS = 10_000;
/** Codes with which a join may be tried again by itself. */
const PASSING: readonly RefusalCode[] = ['unavailable', 'rate_limited', 'internal'];

function openWebSocket(): Socket {
  const { protocol, host } = window.location;
  return new WebSocket(`${protocol === 'https:' ? 'wss' : 'ws'}://${host}/ws`) as unknown as Socket;
}

function resumeKey(room: RoomId): string {
  return `kafedra.resume.${room}`;
}

/** Whether this tab held a seat in the room a moment ago: a reload then goes straight back in. */
export function hasSeat(room: RoomId, storage: Pick<Storage, 'getItem'> = sessionStorage): boolean {
  return storage.getItem(resumeKey(room)) !== null;
}

export class Signaling {
  readonly #options: SignalingOptions;
  readonly #storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  readonly #random: () => number;
  #socket: Socket | undefined;
  /** Welcomed: messages may go out. */
  #welcomed = false;
  #seated = false;
  #attempt = 0;
  #everOnline = false;
  #stopped = true;
  /** A join was refused: the socket waits for another try, and nobody mourns it. */
  #refused = false;
  #nextDelayMs: number | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #watchTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SignalingOptions) {
    this.#options = options;
    this.#storage = options.storage ?? sessionStorage;
    this.#random = options.random ?? Math.random;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#refused = false;
    this.#attempt = 0;
    if (typeof window !== 'undefined') window.addEventListener('online', this.#onLineBack);
    this.#options.onConnection({ kind: 'connecting' });
    this.#open();
  }

  /** False: not sent, because nobody is there to read it. */
  send(message: ClientMessage): boolean {
    if (!this.#socket || !this.#welcomed) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** Asks for a seat again after a refusal, for example when the room has opened. */
  join(): void {
    if (this.#stopped) {
      this.start();
      return;
    }
    this.#refused = false;
    this.#options.onConnection({ kind: 'connecting' });
    this.#watch();
    this.#join();
  }

  /** Gives the seat up and ends the connection. */
  leave(): void {
    this.send({ type: 'leave' });
    this.#forgetSeat();
    this.stop();
  }

  /** Ends the connection; the seat stays for a resume within its time. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    if (typeof window !== 'undefined') window.removeEventListener('online', this.#onLineBack);
    clearTimeout(this.#retryTimer);
    this.#drop();
    this.#options.onConnection({ kind: 'stopped' });
  }

  /** The media plane says that the line is dead; sockets often notice minutes later. */
  suspect(): void {
    if (this.#welcomed && !this.#refused) this.#probe(SUSPECT_MS);
  }

  readonly #onLineBack = () => {
    if (this.#stopped) return;
    if (this.#socket) {
      this.suspect();
      return;
    }
    clearTimeout(this.#retryTimer);
    this.#open();
  };

  #open(): void {
    const socket = (this.#options.openSocket ?? openWebSocket)();
    this.#socket = socket;
    this.#welcomed = false;
    this.#seated = false;
    socket.onopen = () => {
      socket.send(
        JSON.stringify({
          type: 'hello',
          version: PROTOCOL_VERSION,
          client: this.#options.client,
        } satisfies ClientMessage),
      );
      this.#watch();
    };
    socket.onmessage = (event) => {
      if (socket !== this.#socket || typeof event.data !== 'string') return;
      if (!this.#refused) this.#watch();
      this.#receive(JSON.parse(event.data) as ServerMessage);
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#lost();
    };
    // A close always follows.
    socket.onerror = null;
  }

  #receive(message: ServerMessage): void {
    switch (message.type) {
      case 'welcome':
        this.#welcomed = true;
        this.#options.onMessage(message);
        this.#takeSeat();
        return;
      case 'joined':
        this.#storage.setItem(resumeKey(this.#options.room), message.resume);
        this.#online(true);
        break;
      case 'waiting':
        this.#online(false);
        break;
      case 'reconnect':
        // The hub is about to close the socket; everybody at once would be a storm.
        this.#nextDelayMs = message.after_ms * (1 + this.#random());
        break;
      case 'closed':
        this.#forgetSeat();
        this.#options.onMessage(message);
        this.stop();
        return;
      case 'error':
        if (message.request === 'resume') {
          this.#forgetSeat();
          this.#join();
          return;
        }
        if (message.request === 'hello' || (message.request === 'join' && !this.#seated)) {
          if (this.#everOnline && PASSING.includes(message.code)) {
            this.#nextDelayMs = message.retry_after_ms;
            this.#drop();
            this.#scheduleRetry();
            return;
          }
          this.#forgetSeat();
          this.#options.onMessage(message);
          if (message.request === 'hello') {
            this.stop();
            return;
          }
          this.#refused = true;
          clearTimeout(this.#watchTimer);
          this.#options.onConnection({ kind: 'stopped' });
          return;
        }
        break;
      default:
        break;
    }
    this.#options.onMessage(message);
  }

  #online(seated: boolean): void {
    this.#seated = seated;
    this.#attempt = 0;
    this.#everOnline = true;
    this.#nextDelayMs = undefined;
    this.#options.onConnection({ kind: 'online' });
  }

  #takeSeat(): void {
    const token = this.#storage.getItem(resumeKey(this.#options.room));
    if (token === null) this.#join();
    else this.send({ type: 'resume', room: this.#options.room, token, chat_seq: this.#options.chatSeq() });
  }

  #join(): void {
    this.send({ type: 'join', room: this.#options.room, beside: this.#options.beside });
  }

  #forgetSeat(): void {
    this.#storage.removeItem(resumeKey(this.#options.room));
  }

  #watch(): void {
    clearTimeout(this.#watchTimer);
    this.#watchTimer = setTimeout(() => this.#probe(), QUIET_MS);
  }

  /** Any answer will do, a refusal too. */
  #probe(patienceMs = PROBE_MS): void {
    clearTimeout(this.#watchTimer);
    if (this.#welcomed) this.send({ type: 'chat_history', limit: 1 });
    this.#watchTimer = setTimeout(() => this.#lost(), patienceMs);
  }

  /** Lets go of the socket without a word to the options. */
  #drop(): void {
    clearTimeout(this.#watchTimer);
    const socket = this.#socket;
    this.#socket = undefined;
    this.#welcomed = false;
    if (!socket) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  #lost(): void {
    this.#drop();
    if (this.#refused) {
      this.stop();
      return;
    }
    if (!this.#stopped) this.#scheduleRetry();
  }

  #scheduleRetry(): void {
    const backoff = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#attempt) * (0.5 + this.#random());
    const delayMs = Math.round(this.#nextDelayMs ?? backoff);
    this.#nextDelayMs = undefined;
    this.#attempt += 1;
    this.#options.onConnection({ kind: 'reconnecting', attempt: this.#attempt, delayMs });
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#open(), delayMs);
  }
}
