// One stay in a room: the socket, the peer connection and the devices, tied together. Pages read its snapshot.
import { noteServerTime, serverNow } from '../../shared/clock';
import { type Connection, Signaling } from '../../shared/net/signaling';
import { Peer, type PeerState } from '../../shared/rtc/peer';
import { type Grade, gradeOf, reportOf, type Totals, totalsOf } from '../../shared/rtc/quality';
import type {
  ClientMessage,
  MessageId,
  Mid,
  PeerId,
  PersonId,
  Rights,
  RoomId,
  RoomPolicy,
  ServerMessage,
  SlotRequest,
  SourceId,
  SourceKind,
} from '../../shared/wire.gen';
import { missingBefore, type Outgoing } from './chat-model';
import { type PlacedTile, wishes } from './layout';
import type { LocalMedia, OwnKind } from './local-media';
import { emptyRoom, type RoomEvent, type RoomModel, reduce } from './model';

export type Snapshot = {
  model: RoomModel;
  peerState: PeerState;
  quality: Grade | undefined;
  /** The browser wants a click before it plays sound. */
  soundBlocked: boolean;
};

const QUALITY_EVERY_MS = 10_000;
const WISH_DELAY_MS = 80;
/** A glance at another tab costs no picture. */
const HIDDEN_DELAY_MS = 3_000;
const PAGE_OF_CHAT = 50;
const KINDS: readonly SourceKind[] = ['microphone', 'camera', 'screen', 'screen_audio'];

export class RoomSession {
  readonly local: LocalMedia;
  readonly #signaling: Signaling;
  readonly #listeners = new Set<() => void>();
  #snapshot: Snapshot = { model: emptyRoom, peerState: 'new', quality: undefined, soundBlocked: false };
  #peer: Peer | undefined;
  /** Which own sources the hub was last told to be muted; all are in a new seat. */
  #told = new Map<SourceKind, boolean>();
  #syncing = false;
  #syncAgain = false;
  #tiles: readonly PlacedTile[] = [];
  #wished: SlotRequest[] = [];
  #wishTimer: ReturnType<typeof setTimeout> | undefined;
  #qualityTimer: ReturnType<typeof setInterval> | undefined;
  #totals: Totals | undefined;
  #streams = new Map<Mid, MediaStream>();
  #askedBefore: number | undefined;
  readonly #stopLocal: () => void;

  constructor(room: RoomId, beside: PersonId | undefined, local: LocalMedia) {
    this.local = local;
    this.#signaling = new Signaling({
      room,
      beside,
      client: `web ${navigator.userAgent}`.slice(0, 100),
      chatSeq: () => this.#snapshot.model.chat.lastSeq,
      onMessage: (message) => this.#onMessage(message),
      onConnection: (connection) => this.#onConnection(connection),
    });
    this.#stopLocal = local.subscribe(() => void this.#syncTracks());
    document.addEventListener('visibilitychange', this.#onVisibility);
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): Snapshot => this.#snapshot;

  start(): void {
    this.#signaling.start();
  }

  /** After a refusal that time has healed. */
  tryAgain(): void {
    this.#set({ model: { ...this.#snapshot.model, stage: { kind: 'connecting' } } });
    this.#signaling.join();
  }

  leave(): void {
    this.#signaling.leave();
    this.#endMedia();
    this.#dispatch({ type: 'left' });
  }

  /** The page goes away. */
  dispose(): void {
    this.#signaling.leave();
    this.#endMedia();
    this.#stopLocal();
    document.removeEventListener('visibilitychange', this.#onVisibility);
  }

  // The floor

  raiseHand(raised: boolean): void {
    this.#send({ type: 'hand', raised });
  }

  lowerHand(peer?: PeerId): void {
    this.#send({ type: 'hand_lower', peer });
  }

  giveFloor(peer: PeerId, promoted: boolean): void {
    this.#send({ type: 'promote', peer, promoted });
  }

  muteMember(peer: PeerId | undefined, kind: SourceKind): void {
    this.#send({ type: 'mute_member', peer, kind });
  }

  removeMember(peer: PeerId): void {
    this.#send({ type: 'remove_member', peer });
  }

  admit(peer?: PeerId): void {
    this.#send({ type: 'admit', peer });
  }

  setPolicy(policy: RoomPolicy): void {
    this.#send({ type: 'room_policy', policy });
  }

  endForAll(): void {
    this.#send({ type: 'end_room' });
  }

  // Chat

  write(body: string, replyTo?: MessageId): void {
    this.#sendChat({ clientMsgId: crypto.randomUUID(), body, replyTo, sentMs: serverNow(), state: 'sending' });
  }

  writeAgain(outgoing: Outgoing): void {
    this.#sendChat({ ...outgoing, state: 'sending', code: undefined });
  }

  giveUpMessage(clientMsgId: string): void {
    this.#dispatch({ type: 'chat_given_up', clientMsgId });
  }

  editMessage(message: MessageId, body: string): void {
    this.#send({ type: 'chat_edit', message, body });
  }

  deleteMessage(message: MessageId): void {
    this.#send({ type: 'chat_delete', message });
  }

  olderChat(): void {
    const { chat } = this.#snapshot.model;
    if (chat.loadingOlder || !chat.more) return;
    this.#dispatch({ type: 'chat_older_asked' });
    this.#send({ type: 'chat_history', before_seq: chat.messages[0]?.seq, limit: PAGE_OF_CHAT });
  }

  readChat(): void {
    this.#dispatch({ type: 'chat_read' });
  }

  dismissNotice(id: number): void {
    this.#dispatch({ type: 'notice_dismissed', id });
  }

  // Media

  /** May this be switched on now? */
  may(kind: OwnKind): boolean {
    const { rights } = this.#snapshot.model;
    return kind === 'microphone'
      ? rights.publish_audio
      : kind === 'camera'
        ? rights.publish_video
        : rights.publish_screen;
  }

  /** A hidden page asks for no pictures after a moment; one that is seen again, at once. */
  readonly #onVisibility = (): void => {
    clearTimeout(this.#wishTimer);
    if (document.hidden) this.#wishTimer = setTimeout(() => this.#wish(false), HIDDEN_DELAY_MS);
    else this.#wish(false);
  };

  /** What the layout shows; the hub is asked for exactly that. */
  showTiles(tiles: readonly PlacedTile[]): void {
    this.#tiles = tiles;
    clearTimeout(this.#wishTimer);
    this.#wishTimer = setTimeout(() => this.#wish(false), WISH_DELAY_MS);
  }

  /** The picture of a source, once a slot carries it. */
  streamOf(source: SourceId): MediaStream | undefined {
    for (const [mid, carried] of this.#snapshot.model.slots) if (carried === source) return this.#streams.get(mid);
    return undefined;
  }

  audioStreams(): MediaStream[] {
    return (this.#peer?.audioSlots() ?? []).flatMap(({ mid }) => this.#streams.get(mid) ?? []);
  }

  noteSoundBlocked(blocked: boolean): void {
    if (blocked !== this.#snapshot.soundBlocked) this.#set({ soundBlocked: blocked });
  }

  #send(message: ClientMessage): boolean {
    return this.#signaling.send(message);
  }

  #sendChat(outgoing: Outgoing): void {
    this.#dispatch({ type: 'chat_written', outgoing });
    // Without a line it waits for the next seat: sending it twice is harmless, its id makes it one.
    this.#send({
      type: 'chat_send',
      client_msg_id: outgoing.clientMsgId,
      body: outgoing.body,
      reply_to: outgoing.replyTo,
    });
  }

  #onConnection(connection: Connection): void {
    this.#dispatch({ type: 'connection', connection });
  }

  #onMessage(message: ServerMessage): void {
    const before = this.#snapshot.model;
    this.#dispatch({ type: 'server', message, nowMs: serverNow() });
    const { model } = this.#snapshot;
    switch (message.type) {
      case 'welcome':
        noteServerTime(message.server_time_ms);
        return;
      case 'joined':
        this.#onSeat(message.resumed);
        return;
      case 'ice_servers':
        this.#peer?.setIceServers(message.ice_servers);
        return;
      case 'waiting':
        this.#closePeer();
        return;
      case 'rights':
        this.#onRights(before.rights);
        return;
      case 'answer':
        void this.#peer?.onAnswer(message).catch(() => this.#rebuildPeer());
        return;
      case 'layers_wanted': {
        const own = model.sources.find(({ source, peer }) => source === message.source && peer === model.peer);
        if (own) void this.#peer?.setWanted(own.kind, message);
        return;
      }
      case 'media_lost':
        this.#rebuildPeer();
        return;
      case 'error':
        if (message.request === 'offer') void this.#peer?.onOfferRefused();
        if (message.request === 'mute') this.#told.clear();
        if (message.request === 'chat_history') this.#askedBefore = undefined;
        if (model.stage.kind === 'refused') this.#endMedia();
        return;
      case 'mute_requested':
        if (message.kind !== 'screen_audio') this.local.off(message.kind);
        return;
      case 'chat_message':
      case 'chat_history':
        this.#fillHole();
        return;
      case 'sources':
        this.#wish(false);
        return;
      case 'closed':
        this.#endMedia();
        return;
      default:
        return;
    }
  }

  #onSeat(resumed: boolean): void {
    const { model } = this.#snapshot;
    // What was switched while the socket was gone is told anew.
    this.#told = new Map(resumed ? [] : KINDS.map((kind) => [kind, true]));
    if (resumed && this.#peer) {
      this.#peer.setIceServers(model.media.iceServers);
      this.#peer.onResumed();
    } else this.#openPeer();
    void this.#syncTracks();
    // What was asked over the socket that is gone may never have been answered.
    this.#askedBefore = undefined;
    this.#fillHole();
    for (const outgoing of model.chat.outgoing) if (outgoing.state === 'sending') this.#sendChat(outgoing);
  }

  #openPeer(): void {
    this.#closePeer();
    const { model } = this.#snapshot;
    const { audioSlots, videoSlots, iceServers, codecs } = model.media;
    if (model.room?.form === 'chat' || !hasMedia(model)) return;
    const peer = new Peer({
      iceServers,
      audioSlots: model.rights.receive_media ? audioSlots : 0,
      videoSlots: model.rights.receive_media ? videoSlots : 0,
      codecs,
      send: (message) => this.#send(message),
      onState: (state) => this.#onPeerState(peer, state),
      // In another network the socket is as dead as the media, and would notice minutes later.
      onSilence: () => this.#signaling.suspect(),
      onSlots: () => {
        if (peer !== this.#peer) return;
        for (const { mid, track } of [...peer.audioSlots(), ...peer.videoSlots()])
          if (this.#streams.get(mid)?.getTracks()[0] !== track) this.#streams.set(mid, new MediaStream([track]));
        this.#set({});
      },
    });
    this.#peer = peer;
    peer.start(model.rights);
    this.#qualityTimer = setInterval(() => void this.#reportQuality(), QUALITY_EVERY_MS);
  }

  #closePeer(): void {
    clearInterval(this.#qualityTimer);
    clearTimeout(this.#wishTimer);
    this.#peer?.close();
    this.#peer = undefined;
    this.#streams.clear();
    this.#wished = [];
    this.#totals = undefined;
    if (this.#snapshot.peerState !== 'new') this.#set({ peerState: 'new', quality: undefined });
  }

  #rebuildPeer(): void {
    if (this.#snapshot.model.stage.kind !== 'inside') return;
    this.#openPeer();
    void this.#syncTracks();
  }

  #endMedia(): void {
    this.#closePeer();
    this.local.stop();
  }

  #onPeerState(peer: Peer, state: PeerState): void {
    if (peer !== this.#peer) return;
    this.#set({ peerState: state });
    if (state === 'connected') this.#wish(true);
    // The line may be dead for the socket too, which would notice minutes later.
    if (state === 'interrupted') this.#signaling.suspect();
    if (state === 'failed' && this.#snapshot.model.connection.kind === 'online')
      setTimeout(() => {
        if (peer === this.#peer && this.#snapshot.peerState === 'failed') this.#rebuildPeer();
      }, 2_000);
  }

  #onRights(before: Rights): void {
    const { model } = this.#snapshot;
    const { rights } = model;
    if (before.receive_media !== rights.receive_media) {
      this.#rebuildPeer();
      return;
    }
    // While the host is away for a moment, nothing is taken down: the hub holds it back, and it goes on by itself.
    if (!hostPresent(model)) return;
    if (!rights.publish_audio) this.local.off('microphone');
    if (!rights.publish_video) this.local.off('camera');
    if (!rights.publish_screen) this.local.off('screen');
    if (this.#peer) this.#peer.setRights(rights);
    else this.#openPeer();
    void this.#syncTracks();
  }

  /** Puts the device's tracks on the wire and tells the hub what is on. */
  async #syncTracks(): Promise<void> {
    this.#set({});
    // One at a time: two runs side by side would tell the hub an older truth after a newer one.
    this.#syncAgain = this.#syncing;
    if (this.#syncing) return;
    this.#syncing = true;
    try {
      do {
        this.#syncAgain = false;
        for (const kind of KINDS) await this.#syncTrack(kind);
      } while (this.#syncAgain);
    } finally {
      this.#syncing = false;
    }
  }

  async #syncTrack(kind: SourceKind): Promise<void> {
    const peer = this.#peer;
    if (!peer || this.#snapshot.model.stage.kind !== 'inside') return;
    const track = this.local.track(kind) ?? null;
    const carried = await peer.setTrack(kind, track);
    const muted = !(carried && track);
    if (peer !== this.#peer || this.#told.get(kind) === muted) return;
    if (this.#send({ type: 'mute', kind, muted })) this.#told.set(kind, muted);
  }

  #wish(again: boolean): void {
    const peer = this.#peer;
    if (!peer) return;
    const mids = peer.videoSlots().map(({ mid }) => mid);
    if (mids.length === 0) return;
    const known = new Set(this.#snapshot.model.sources.map(({ source }) => source));
    const tiles = this.#tiles.filter(({ source }) => source !== undefined && known.has(source));
    const placed = wishes(tiles, mids, this.#wished, window.devicePixelRatio || 1);
    // A page that nobody sees keeps its sources and costs no picture.
    const slots = document.hidden ? placed.map((slot) => ({ ...slot, max_height: 0 })) : placed;
    if (!again && JSON.stringify(slots) === JSON.stringify(this.#wished)) return;
    if (this.#send({ type: 'slots', slots })) this.#wished = slots;
  }

  async #reportQuality(): Promise<void> {
    const peer = this.#peer;
    if (!peer || this.#snapshot.peerState !== 'connected') return;
    const totals = totalsOf((await peer.stats()) as unknown as Parameters<typeof totalsOf>[0]);
    if (peer !== this.#peer) return;
    if (this.#totals) {
      const { model } = this.#snapshot;
      const on = new Map(model.sources.filter(({ muted }) => !muted).map(({ source, peer: owner }) => [source, owner]));
      const heard: Record<Mid, PeerId> = {};
      for (const { mid } of peer.audioSlots()) {
        const source = model.slots.get(mid);
        const owner = source === undefined ? undefined : on.get(source);
        if (owner !== undefined) heard[mid] = owner;
      }
      const report = reportOf(this.#totals, totals, heard);
      this.#send({ type: 'quality', ...report });
      this.#set({ quality: gradeOf(report) });
    }
    this.#totals = totals;
  }

  #fillHole(): void {
    const { chat } = this.#snapshot.model;
    if (chat.loadingOlder) return;
    const before = missingBefore(chat);
    // Asked once: what the hub did not give then, it does not have for this person.
    if (before === undefined || before === this.#askedBefore) return;
    this.#askedBefore = before;
    this.#dispatch({ type: 'chat_older_asked' });
    this.#send({ type: 'chat_history', before_seq: before, limit: PAGE_OF_CHAT });
  }

  #dispatch(event: RoomEvent): void {
    const model = reduce(this.#snapshot.model, event);
    if (model !== this.#snapshot.model) this.#set({ model });
  }

  #set(change: Partial<Snapshot>): void {
    this.#snapshot = { ...this.#snapshot, ...change };
    for (const listener of this.#listeners) listener();
  }
}

function hasMedia(model: RoomModel): boolean {
  const { rights, media } = model;
  return media.audioSlots + media.videoSlots > 0 || rights.publish_audio || rights.publish_video;
}

/** An adult host is here (INV-55). */
export function hostPresent(model: RoomModel): boolean {
  return [...model.members.values()].some(
    ({ role, connected, seat }) => (role === 'host' || role === 'cohost') && connected && seat !== 'watcher',
  );
}
