// A screen that watches a room: one picture and the loudest voices by WHEP, put back on its feet by itself. No React.
import { type Refusal, refusalOf } from '../../shared/errors';
import * as whep from './whep';

export type Stage =
  | { kind: 'connecting' }
  /** Not open yet, or nobody is there to let others in. */
  | { kind: 'not_started'; refusal: Refusal }
  /** Connected; `picture`: something is shown. */
  | { kind: 'watching'; picture: boolean }
  | { kind: 'reconnecting' }
  | { kind: 'ended' }
  | { kind: 'refused'; refusal: Refusal };

/** The hub is asked this often whether the session is still there: a room that ended says nothing else. */
const LOOK_MS = 5_000;
/** A path that does not come back by itself in this time is restarted. */
const INTERRUPTION_MS = 3_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** A picture that has not moved for so long is none: its sender is gone or paused. */
const STILL_MS = 4_000;

const NOT_STARTED = new Set(['too_early', 'host_absent', 'unavailable', 'room_locked']);
/** Worth another try by itself. */
const PASSES = new Set(['offline', 'rate_limited', 'room_full', 'internal']);
const OVER = new Set(['too_late', 'illegal_transition', 'not_on_timetable']);

export class Player {
  readonly stream = new MediaStream();
  readonly #room: string;
  readonly #listeners = new Set<() => void>();
  #stage: Stage = { kind: 'connecting' };
  #peer: RTCPeerConnection | undefined;
  #session: whep.WhepSession | undefined;
  #answer = '';
  /** Grows with each beginning: what an earlier one still says does not count. */
  #turn = 0;
  #wait = FIRST_WAIT_MS;
  #wasWatching = false;
  #timers = new Set<ReturnType<typeof setTimeout>>();
  #frames = 0;
  #movedAt = 0;

  constructor(room: string) {
    this.#room = room;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): Stage => this.#stage;

  start(): void {
    void this.#begin();
  }

  /** The page goes away, or the person does. */
  stop(): void {
    this.#turn += 1;
    this.#drop();
  }

  async #begin(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    this.#drop();
    const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.#peer = peer;
    for (const kind of ['video', 'audio'] as const) {
      const { receiver } = peer.addTransceiver(kind, { direction: 'recvonly' });
      this.stream.addTrack(receiver.track);
    }
    peer.onconnectionstatechange = () => this.#onState(turn, peer);
    try {
      await peer.setLocalDescription();
      const { answer, session } = await whep.begin(this.#room, peer.localDescription?.sdp ?? '');
      if (turn !== this.#turn) {
        whep.end(session);
        return;
      }
      this.#session = session;
      this.#answer = answer;
      // Relays are known only now; they serve from the next gathering on, which is a restart's.
      if (session.iceServers.length > 0)
        peer.setConfiguration({ ...peer.getConfiguration(), iceServers: session.iceServers });
      await peer.setRemoteDescription({ type: 'answer', sdp: answer });
      this.#look(turn);
    } catch (error) {
      if (turn === this.#turn) this.#onRefusal(turn, refusalOf(error));
    }
  }

  #onRefusal(turn: number, refusal: Refusal): void {
    this.#drop();
    if (OVER.has(refusal.code)) {
      const ended = this.#wasWatching || refusal.code === 'too_late';
      this.#set(ended ? { kind: 'ended' } : { kind: 'refused', refusal });
      return;
    }
    const mayCome = NOT_STARTED.has(refusal.code);
    if (!mayCome && !PASSES.has(refusal.code)) {
      this.#set({ kind: 'refused', refusal });
      return;
    }
    if (refusal.code === 'room_full') this.#set({ kind: 'refused', refusal });
    else if (mayCome && !this.#wasWatching) this.#set({ kind: 'not_started', refusal });
    else this.#set({ kind: 'reconnecting' });
    // Half of it is left to chance, so that the screens of a school do not come all at once.
    const wait = Math.min(Math.max(this.#wait, refusal.retryAfterMs ?? 0), LONGEST_WAIT_MS);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
    this.#after(wait * (0.75 + Math.random() / 2), () => turn === this.#turn && void this.#begin());
  }

  #onState(turn: number, peer: RTCPeerConnection): void {
    if (turn !== this.#turn) return;
    switch (peer.connectionState) {
      case 'connected':
        this.#wait = FIRST_WAIT_MS;
        this.#wasWatching = true;
        this.#set({ kind: 'watching', picture: false });
        return;
      case 'disconnected':
        this.#set({ kind: 'reconnecting' });
        this.#after(INTERRUPTION_MS, () => {
          if (turn === this.#turn && peer.connectionState === 'disconnected') void this.#restart(turn, peer);
        });
        return;
      case 'failed':
        this.#set({ kind: 'reconnecting' });
        void this.#restart(turn, peer);
        return;
      default:
        return;
    }
  }

  /** The same session over another path. When the hub knows it no more: from the beginning. */
  async #restart(turn: number, peer: RTCPeerConnection): Promise<void> {
    const session = this.#session;
    if (!session) return;
    try {
      await peer.setLocalDescription(await peer.createOffer({ iceRestart: true }));
      const { answer, etag } = await whep.restart(session, peer.localDescription?.sdp ?? '', this.#answer);
      if (turn !== this.#turn) return;
      this.#answer = answer;
      this.#session = { ...session, etag };
      await peer.setRemoteDescription({ type: 'answer', sdp: answer });
    } catch {
      if (turn !== this.#turn) return;
      await this.#begin();
    }
  }

  #look(turn: number): void {
    this.#after(LOOK_MS, async () => {
      const session = this.#session;
      if (turn !== this.#turn || !session) return;
      const there = await whep.isThere(session);
      if (turn !== this.#turn) return;
      if (!there) {
        await this.#begin();
        return;
      }
      await this.#notePicture(turn);
      this.#look(turn);
    });
    this.#after(LOOK_MS / 4, () => void this.#notePicture(turn));
  }

  async #notePicture(turn: number): Promise<void> {
    const peer = this.#peer;
    if (turn !== this.#turn || !peer || this.#stage.kind !== 'watching') return;
    let frames = 0;
    (await peer.getStats()).forEach((row: { type: string; framesDecoded?: number }) => {
      if (row.type === 'inbound-rtp') frames += row.framesDecoded ?? 0;
    });
    if (turn !== this.#turn || this.#stage.kind !== 'watching') return;
    const now = performance.now();
    if (frames > this.#frames) this.#movedAt = now;
    this.#frames = frames;
    const picture = frames > 0 && now - this.#movedAt < STILL_MS + LOOK_MS;
    if (picture !== this.#stage.picture) this.#set({ kind: 'watching', picture });
  }

  #after(ms: number, then: () => unknown): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void then();
    }, ms);
    this.#timers.add(timer);
  }

  #drop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    if (this.#peer) {
      this.#peer.onconnectionstatechange = null;
      this.#peer.close();
    }
    if (this.#session) whep.end(this.#session);
    this.#peer = undefined;
    this.#session = undefined;
    this.#frames = 0;
    for (const track of this.stream.getTracks()) this.stream.removeTrack(track);
  }

  #set(stage: Stage): void {
    if (JSON.stringify(stage) === JSON.stringify(this.#stage)) return;
    this.#stage = stage;
    for (const listener of this.#listeners) listener();
  }
}
