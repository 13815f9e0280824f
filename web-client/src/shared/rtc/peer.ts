// The one peer connection to the hub: own sends and a pool of receive slots.
// The client always offers and the server always answers, one offer at a time; so there is no glare.
import type { Answer, ClientMessage, IceServer, Mid, Rights, SendSlot, SourceKind, VideoCodec } from '../wire.gen';
import {
  type Codecs,
  codecFor,
  degradationFor,
  type Encoding,
  encodingsFor,
  layersFor,
  offered,
  type SendParameters,
} from './encodings';
import { LOOK_EVERY_MS, Silence } from './silence';

export type PeerState = 'new' | 'connecting' | 'connected' | 'interrupted' | 'failed';

export type PeerOptions = {
  iceServers: IceServer[];
  audioSlots: number;
  videoSlots: number;
  /** What the hub wants cameras and screens to be sent in. */
  codecs: Codecs;
  send: (message: ClientMessage) => boolean;
  onState: (state: PeerState) => void;
  /** The receive slots are known: after the first offer, before its answer. */
  onSlots: () => void;
  /** Nothing comes any more, though the connection still counts as connected: ask the hub whether it is there. */
  onSilence?: () => void;
  /** Calls back when the device has come into another network; gives how to stop that. */
  onNetworkChange?: (listener: () => void) => () => void;
};

type Kind = Exclude<SourceKind, never>;

const TRACK_KIND: Record<Kind, 'audio' | 'video'> = {
  microphone: 'audio',
  camera: 'video',
  screen_audio: 'audio',
  screen: 'video',
};

/**
 * An ICE interruption shorter than this heals by itself. Chromium tells of it 2.5 s after the last answer; a restart costs
 * one offer and keeps the old path until a new one works.
 */
const INTERRUPTION_MS = 1_000;
/** A restart that has not led back by then is tried again: the network may be there again, or another one. */
const RESTART_EVERY_MS = 8_000;
/** RFC 8838 allows any number; the hub takes 40 per offer. */
const MOST_CANDIDATES = 40;

export class Peer {
  readonly #options: PeerOptions;
  readonly #pc: RTCPeerConnection;
  readonly #sends = new Map<Kind, RTCRtpTransceiver>();
  readonly #allowed = new Set<Kind>();
  /** What anybody watches of the own sources; not there: everything. */
  readonly #wantedLayers = new Map<Kind, Wanted>();
  /** Those that send layers inside of one stream, also while all but one are stopped. */
  readonly #layered = new WeakSet<RTCRtpSender>();
  readonly #audio: RTCRtpTransceiver[] = [];
  readonly #video: RTCRtpTransceiver[] = [];
  #offerId = 0;
  /** The offer that waits for its answer. */
  #pending: ClientMessage | undefined;
  #wanted = false;
  #restart = false;
  #negotiating = false;
  #candidates = 0;
  #closed = false;
  #healTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #silence = new Silence();
  readonly #lookTimer: ReturnType<typeof setInterval>;
  readonly #stopNetwork: () => void;

  constructor(options: PeerOptions) {
    this.#options = options;
    this.#pc = new RTCPeerConnection({ iceServers: options.iceServers, bundlePolicy: 'max-bundle' });
    this.#pc.onconnectionstatechange = () => this.#onState();
    this.#stopNetwork = (options.onNetworkChange ?? onNetworkChange)(() => {
      // Before the first path there is nothing to restart.
      if (this.#pc.connectionState !== 'new') this.restartIce();
    });
    this.#lookTimer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#pc.onicecandidate = ({ candidate }) => {
      if (!candidate?.candidate || this.#candidates >= MOST_CANDIDATES) return;
      this.#candidates += 1;
      options.send({ type: 'candidate', candidate: candidate.candidate, mid: candidate.sdpMid ?? undefined });
    };
  }

  /** Begins: sends as far as the rights go, and all slots. */
  start(rights: Rights): void {
    this.#applySends(rights);
    for (let n = 0; n < this.#options.audioSlots; n += 1) this.#audio.push(this.#add('audio'));
    for (let n = 0; n < this.#options.videoSlots; n += 1) this.#video.push(this.#add('video'));
    this.#negotiate();
  }

  /**
   * Rights changed: opens what is newly allowed. What no longer is falls silent at once (the hub has cut it off too) and
   * its m-line is closed with the next offer, whatever that is for; given back before, it needs no offer at all.
   */
  setRights(rights: Rights): void {
    if (this.#applySends(rights)) this.#negotiate();
  }

  /** Puts a track on (or takes it off) an m-line that is already agreed on: no new offer. */
  async setTrack(kind: Kind, track: MediaStreamTrack | null): Promise<boolean> {
    const transceiver = this.#sends.get(kind);
    if (!transceiver || !this.#allowed.has(kind)) return false;
    await transceiver.sender.replaceTrack(track);
    if (track) await this.#fitLayers();
    return true;
  }

  /** Stops sending the layers that nobody watches, and starts those that somebody does: upload and battery are saved. */
  async setWanted(kind: Kind, wanted: Wanted): Promise<void> {
    this.#wantedLayers.set(kind, wanted);
    if (kind === 'camera') await this.#fitLayers();
    else if (kind === 'screen') await this.#switchSender(kind, wanted.watched);
  }

  async #switchSender(kind: Kind, active: boolean): Promise<void> {
    const sender = this.#sends.get(kind)?.sender;
    const parameters = sender?.getParameters();
    if (!sender || !parameters || parameters.encodings.every((encoding) => encoding.active === active)) return;
    for (const encoding of parameters.encodings) encoding.active = active;
    await sender.setParameters(parameters).catch(() => undefined);
  }

  /** Receive slots by mid. */
  videoSlots(): { mid: Mid; track: MediaStreamTrack }[] {
    return slotsOf(this.#video);
  }

  audioSlots(): { mid: Mid; track: MediaStreamTrack }[] {
    return slotsOf(this.#audio);
  }

  async onAnswer(answer: Answer): Promise<void> {
    if (this.#closed || answer.id !== this.#offerId || !this.#pending) return;
    this.#pending = undefined;
    try {
      await this.#pc.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
      await this.#fitLayers();
    } finally {
      this.#negotiating = false;
      if (this.#wanted && !this.#closed) this.#negotiate();
    }
  }

  /** The hub refused the offer: the connection stays as it was. */
  async onOfferRefused(): Promise<void> {
    if (this.#closed || !this.#pending) return;
    this.#pending = undefined;
    try {
      if (this.#pc.signalingState === 'have-local-offer') await this.#pc.setLocalDescription({ type: 'rollback' });
    } finally {
      this.#negotiating = false;
      // Rights that changed meanwhile make another offer, which may be taken.
      if (this.#wanted && !this.#closed) this.#negotiate();
    }
  }

  /** The socket is back on the same seat: what was asked and not answered is asked again; a dead path is mended. */
  onResumed(): void {
    if (this.#pending) {
      this.#options.send(this.#pending);
      return;
    }
    if (this.#pc.connectionState !== 'connected' || this.#silence.lasts) this.restartIce();
  }

  /** New credentials for relays: they count from the next restart on, what is connected stays. */
  setIceServers(iceServers: IceServer[]): void {
    if (!this.#closed) this.#pc.setConfiguration({ ...this.#pc.getConfiguration(), iceServers });
  }

  /** Looks for a way to the hub anew; the seat and all slots stay. */
  restartIce(): void {
    if (this.#closed) return;
    this.#restart = true;
    this.#negotiate();
  }

  stats(): Promise<RTCStatsReport> {
    return this.#pc.getStats();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#healTimer);
    clearInterval(this.#lookTimer);
    this.#stopNetwork();
    this.#pc.onconnectionstatechange = null;
    this.#pc.onicecandidate = null;
    this.#pc.close();
  }

  /** Adds an m-line with the codecs that the hub forwards. */
  #add(media: 'audio' | 'video', kind?: Kind): RTCRtpTransceiver {
    const known = globalThis.RTCRtpReceiver?.getCapabilities?.(media)?.codecs ?? [];
    const codec = kind ? this.#codecOf(kind) : 'vp8';
    const transceiver = this.#pc.addTransceiver(
      media,
      kind ? { direction: 'sendonly', sendEncodings: encodingsFor(kind, codec) } : { direction: 'recvonly' },
    );
    const wanted = offered(kind ?? `receive_${media}`, codec, known);
    if (wanted.length > 0) transceiver.setCodecPreferences?.(wanted);
    if (kind === 'camera') negotiateRid(transceiver);
    return transceiver;
  }

  #codecOf(kind: Kind): VideoCodec {
    const known = globalThis.RTCRtpSender?.getCapabilities?.('video')?.codecs ?? [];
    return codecFor(kind === 'screen' ? this.#options.codecs.screen : this.#options.codecs.camera, known);
  }

  /** True when the m-lines changed. */
  #applySends(rights: Rights): boolean {
    const allowed: Record<Kind, boolean> = {
      microphone: rights.publish_audio,
      camera: rights.publish_video,
      screen: rights.publish_screen,
      screen_audio: rights.publish_screen,
    };
    let changed = false;
    for (const kind of Object.keys(allowed) as Kind[]) {
      const transceiver = this.#sends.get(kind);
      if (!allowed[kind]) {
        if (this.#allowed.delete(kind)) void transceiver?.sender.replaceTrack(null);
        continue;
      }
      this.#allowed.add(kind);
      if (!transceiver) {
        this.#sends.set(kind, this.#add(TRACK_KIND[kind], kind));
        changed = true;
      } else if (transceiver.direction === 'inactive') {
        transceiver.direction = 'sendonly';
        // The hub knows it as a new source, of which everything is wanted.
        this.#wantedLayers.delete(kind);
        void this.#switchSender(kind, true);
        if (kind === 'camera') negotiateRid(transceiver);
        changed = true;
      }
    }
    return changed;
  }

  #negotiate(): void {
    this.#wanted = true;
    if (this.#negotiating || this.#closed) return;
    this.#negotiating = true;
    void this.#offer().catch(() => {
      this.#negotiating = false;
      if (!this.#closed) this.#options.onState('failed');
    });
  }

  async #offer(): Promise<void> {
    this.#wanted = false;
    const iceRestart = this.#restart;
    this.#restart = false;
    this.#candidates = 0;
    // The hub refuses an offer that sends without the right.
    for (const [kind, transceiver] of this.#sends) if (!this.#allowed.has(kind)) transceiver.direction = 'inactive';
    const description = await this.#pc.createOffer({ iceRestart });
    if (this.#closed) return;
    await this.#pc.setLocalDescription(description);
    if (this.#closed) return;
    this.#offerId += 1;
    const sends: SendSlot[] = [];
    for (const [kind, { mid, direction }] of this.#sends)
      if (mid !== null && direction === 'sendonly') sends.push({ mid, kind, encrypted: false });
    this.#pending = { type: 'offer', id: this.#offerId, sdp: this.#pc.localDescription?.sdp ?? '', sends };
    this.#options.onSlots();
    // Not sent now: the resume after the reconnect sends it.
    this.#options.send(this.#pending);
  }

  /**
   * Chromium gives a small camera fewer layers and leaves out the largest (640x360 is sent as 320x180 at best), so the
   * layers are made to fit: the largest that stays is always the whole picture.
   */
  async #fitLayers(): Promise<void> {
    for (const kind of ['camera', 'screen'] as const) {
      const sender = this.#sends.get(kind)?.sender;
      if (!sender) continue;
      const parameters: SendParameters = sender.getParameters();
      const encodings: Encoding[] = parameters.encodings;
      if (encodings.length === 0) continue;
      const kept = this.#wantedLayers.get(kind);
      if (encodings.some(({ scalabilityMode }) => /^L[23]/.test(scalabilityMode ?? ''))) this.#layered.add(sender);
      const svc = this.#layered.has(sender) ? (kept?.spatial_unwatched ?? 0) : undefined;
      const fitting = kind === 'camera' ? layersFor(encodings.length, sender.track?.getSettings?.().width, svc) : [];
      for (const [n, layer] of fitting.entries()) layer.active &&= isWanted(encodings[n]?.rid, kept);
      const degradation = degradationFor(kind);
      const fits = encodings.every((encoding, n) => {
        const wanted = fitting[n];
        if (!wanted) return true;
        const { active, scaleResolutionDownBy, scalabilityMode = encoding.scalabilityMode } = wanted;
        return (
          scaleResolutionDownBy === encoding.scaleResolutionDownBy &&
          active === encoding.active &&
          scalabilityMode === encoding.scalabilityMode
        );
      });
      if (fits && parameters.degradationPreference === degradation) continue;
      for (const [n, encoding] of encodings.entries()) Object.assign(encoding, fitting[n]);
      parameters.degradationPreference = degradation;
      // Fails only when the line closed meanwhile: then there is nothing to fit.
      await sender.setParameters(parameters).catch(() => undefined);
    }
  }

  #look(): void {
    if (this.#pc.connectionState !== 'connected') return;
    const played = [...this.#audio, ...this.#video].flatMap(({ receiver }) =>
      (receiver.getSynchronizationSources?.() ?? []).map(({ timestamp }) => timestamp),
    );
    const newest = played.length === 0 ? undefined : Math.max(...played);
    if (this.#silence.begins(newest, performance.now())) this.#options.onSilence?.();
  }

  #onState(): void {
    clearTimeout(this.#healTimer);
    switch (this.#pc.connectionState) {
      case 'connected':
        this.#options.onState('connected');
        return;
      case 'disconnected':
        this.#options.onState('interrupted');
        this.#heal(INTERRUPTION_MS);
        return;
      case 'failed':
        this.#options.onState('failed');
        this.#heal(0);
        return;
      case 'new':
      case 'closed':
        return;
      case 'connecting':
        this.#options.onState('connecting');
        this.#heal(RESTART_EVERY_MS);
        return;
    }
  }

  /** Restarts ICE after this time, and then again until it is connected. */
  #heal(afterMs: number): void {
    this.#healTimer = setTimeout(() => {
      this.restartIce();
      this.#heal(RESTART_EVERY_MS);
    }, afterMs);
  }
}

/** The device has come into another network: the old path is dead, though nothing has timed out yet. */
function onNetworkChange(listener: () => void): () => void {
  globalThis.addEventListener?.('online', listener);
  return () => globalThis.removeEventListener?.('online', listener);
}

/** As the hub says it: layers by rid or the number of the largest inside that nobody watches, and whether anybody does at all. */
export type Wanted = { rids: readonly string[]; watched: boolean; spatial_unwatched?: number };

/** Whether an encoding is to be sent; without rid there is but one. */
export function isWanted(rid: string | undefined, wanted: Wanted | undefined): boolean {
  if (!wanted) return true;
  return rid === undefined || wanted.rids.length === 0 ? wanted.watched : wanted.rids.includes(rid);
}

/** Newer than the types of the DOM (WebRTC extensions, 5.3). */
type HeaderExtension = { uri: string; direction: RTCRtpTransceiverDirection };
type WithHeaderExtensions = {
  getHeaderExtensionsToNegotiate?: () => HeaderExtension[];
  setHeaderExtensionsToNegotiate?: (extensions: HeaderExtension[]) => void;
};

/**
 * Chromium 156 leaves the RID extension out of an m-line that is added or opened again after the first answer and then refuses its own
 * simulcast offer ("negotiates simulcast but does not negotiate the RID RTP header extension").
 */
function negotiateRid(transceiver: RTCRtpTransceiver & WithHeaderExtensions): void {
  const extensions = transceiver.getHeaderExtensionsToNegotiate?.();
  if (!extensions) return;
  transceiver.setHeaderExtensionsToNegotiate?.(
    extensions.map((extension) =>
      /sdes:(repaired-)?rtp-stream-id$/.test(extension.uri) ? { ...extension, direction: 'sendrecv' } : extension,
    ),
  );
}

function slotsOf(transceivers: readonly RTCRtpTransceiver[]): { mid: Mid; track: MediaStreamTrack }[] {
  return transceivers.flatMap(({ mid, receiver }) => (mid === null ? [] : [{ mid, track: receiver.track }]));
}
