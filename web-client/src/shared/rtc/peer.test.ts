import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ClientMessage, Rights, VideoCodec } from '../wire.gen';
import { type Encoding, layersFor } from './encodings';
import { Peer, type PeerState } from './peer';

class FakeSender {
  track: MediaStreamTrack | null = null;
  encodings: RTCRtpEncodingParameters[];
  constructor(encodings: RTCRtpEncodingParameters[] = []) {
    this.encodings = encodings;
  }
  async replaceTrack(track: MediaStreamTrack | null) {
    this.track = track;
  }
  getParameters() {
    return { encodings: this.encodings.map((encoding) => ({ ...encoding })) };
  }
  async setParameters({ encodings }: { encodings: RTCRtpEncodingParameters[] }) {
    this.encodings = encodings;
  }
}

type FakeTransceiver = {
  mid: string | null;
  kind: string;
  direction: string;
  sender: FakeSender;
  receiver: { track: object; packet?: number; getSynchronizationSources: () => { timestamp: number }[] };
};

/** Gives mids when the local description is set, as browsers do. */
class FakeConnection {
  static last: FakeConnection;
  connectionState = 'new';
  signalingState = 'stable';
  localDescription: { sdp: string } | null = null;
  onconnectionstatechange: (() => void) | null = null;
  onicecandidate: ((event: { candidate: { candidate: string; sdpMid: string } | null }) => void) | null = null;
  transceivers: FakeTransceiver[] = [];
  offers: { iceRestart?: boolean }[] = [];
  answers: string[] = [];
  configuration: RTCConfiguration;

  constructor(configuration: RTCConfiguration) {
    this.configuration = configuration;
    FakeConnection.last = this;
  }
  getConfiguration() {
    return this.configuration;
  }
  setConfiguration(configuration: RTCConfiguration) {
    this.configuration = configuration;
  }
  addTransceiver(kind: string, init: { direction: string; sendEncodings?: RTCRtpEncodingParameters[] }) {
    const transceiver: FakeTransceiver = {
      mid: null,
      kind,
      direction: init.direction,
      sender: new FakeSender(init.sendEncodings),
      receiver: {
        track: {},
        getSynchronizationSources() {
          return this.packet === undefined ? [] : [{ timestamp: this.packet }];
        },
      },
    };
    this.transceivers.push(transceiver);
    return transceiver;
  }
  async createOffer(options: { iceRestart?: boolean }) {
    this.offers.push(options);
    return { type: 'offer', sdp: `offer ${this.offers.length}` };
  }
  async setLocalDescription(description: { type: string; sdp?: string }) {
    if (description.type === 'rollback') {
      this.signalingState = 'stable';
      return;
    }
    this.signalingState = 'have-local-offer';
    this.localDescription = { sdp: description.sdp ?? '' };
    for (const [n, transceiver] of this.transceivers.entries()) transceiver.mid ??= String(n);
  }
  async setRemoteDescription({ sdp }: { sdp: string }) {
    this.signalingState = 'stable';
    this.answers.push(sdp);
  }
  becomes(state: string) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
  async getStats() {
    return new Map();
  }
  close() {
    this.connectionState = 'closed';
  }
}

const LISTENS: Rights = {
  publish_audio: false,
  publish_video: false,
  publish_screen: false,
  chat: true,
  raise_hand: true,
  moderate: false,
  receive_media: true,
};
const SPEAKS: Rights = { ...LISTENS, publish_audio: true, publish_video: true };

function setup(rights: Rights, camera: VideoCodec = 'vp8') {
  const sent: ClientMessage[] = [];
  const states: PeerState[] = [];
  const silences: number[] = [];
  let listener: (() => void) | undefined;
  const peer = new Peer({
    iceServers: [],
    audioSlots: 2,
    videoSlots: 3,
    codecs: { camera, screen: 'vp8' },
    send: (message) => {
      sent.push(message);
      return true;
    },
    onState: (state) => states.push(state),
    onSlots: () => undefined,
    onSilence: () => silences.push(Date.now()),
    onNetworkChange: (wanted) => {
      listener = wanted;
      return () => {
        listener = undefined;
      };
    },
  });
  const networkChanges = () => {
    if (!listener) throw new Error('nobody listens');
    listener();
  };
  peer.start(rights);
  const offers = () => sent.filter((message) => message.type === 'offer');
  return { peer, sent, states, silences, offers, networkChanges, connection: FakeConnection.last };
}

/** Lets the promises of a fake negotiation run out. */
const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('RTCPeerConnection', FakeConnection);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('the offer', () => {
  it('names what it sends, and has a line for every slot', async () => {
    const { offers, peer } = setup(SPEAKS);
    await settle();
    expect(offers()).toEqual([
      {
        type: 'offer',
        id: 1,
        sdp: 'offer 1',
        sends: [
          { mid: '0', kind: 'microphone', encrypted: false },
          { mid: '1', kind: 'camera', encrypted: false },
        ],
      },
    ]);
    expect(peer.audioSlots().map(({ mid }) => mid)).toEqual(['2', '3']);
    expect(peer.videoSlots().map(({ mid }) => mid)).toEqual(['4', '5', '6']);
  });

  it('of a listener sends nothing at all', async () => {
    const { offers, connection } = setup(LISTENS);
    await settle();
    expect(offers()).toMatchObject([{ sends: [] }]);
    expect(connection.transceivers.every(({ direction }) => direction === 'recvonly')).toBe(true);
  });

  it('waits for the answer to the one before, and then tells everything that changed', async () => {
    const { peer, offers } = setup(LISTENS);
    await settle();
    peer.setRights(SPEAKS);
    peer.restartIce();
    await settle();
    expect(offers()).toHaveLength(1);
    await peer.onAnswer({ id: 1, sdp: 'answer 1' });
    await settle();
    expect(offers()).toHaveLength(2);
    expect(offers()[1]).toMatchObject({ id: 2, sends: [{ kind: 'microphone' }, { kind: 'camera' }] });
    expect(FakeConnection.last.offers[1]).toEqual({ iceRestart: true });
  });

  it('ignores an answer to an older one', async () => {
    const { peer, connection } = setup(SPEAKS);
    await settle();
    await peer.onAnswer({ id: 7, sdp: 'of somebody else' });
    expect(connection.answers).toEqual([]);
  });

  it('is asked again after a resume when nobody answered it', async () => {
    const { peer, offers } = setup(SPEAKS);
    await settle();
    peer.onResumed();
    expect(offers()).toHaveLength(2);
    expect(offers()[1]).toEqual(offers()[0]);
  });

  it('is taken back when the hub refuses it', async () => {
    const { peer, connection, offers } = setup(SPEAKS);
    await settle();
    await peer.onOfferRefused();
    expect(connection.signalingState).toBe('stable');
    peer.restartIce();
    await settle();
    expect(offers()[1]).toMatchObject({ id: 2 });
  });
});

describe('the floor', () => {
  it('taken back and given again for a moment costs no offer', async () => {
    const { peer, connection, offers } = setup(SPEAKS);
    await settle();
    await peer.onAnswer({ id: 1, sdp: 'a' });
    const track = {} as MediaStreamTrack;
    expect(await peer.setTrack('microphone', track)).toBe(true);
    peer.setRights(LISTENS);
    expect(await peer.setTrack('microphone', track)).toBe(false);
    expect(connection.transceivers[0]?.sender.track).toBeNull();
    peer.setRights(SPEAKS);
    expect(await peer.setTrack('microphone', track)).toBe(true);
    await settle();
    expect(offers()).toHaveLength(1);
  });

  it('taken back closes its lines with the next offer, given again opens the same ones', async () => {
    const { peer, connection, offers } = setup(SPEAKS);
    await settle();
    await peer.onAnswer({ id: 1, sdp: 'a' });
    peer.setRights(LISTENS);
    peer.restartIce();
    await settle();
    expect(offers()[1]).toMatchObject({ sends: [] });
    expect(connection.transceivers[0]?.direction).toBe('inactive');
    await peer.onAnswer({ id: 2, sdp: 'b' });
    peer.setRights(SPEAKS);
    await settle();
    expect(offers()[2]).toMatchObject({ sends: [{ mid: '0' }, { mid: '1' }] });
  });
});

describe('the camera', () => {
  it('is sent whole when the server took only the smallest layer', async () => {
    const { peer, connection } = setup(SPEAKS);
    await settle();
    const sender = connection.transceivers[1]?.sender;
    if (!sender) throw new Error('there is a camera line');
    sender.encodings = sender.encodings.slice(0, 1);
    await peer.onAnswer({ id: 1, sdp: 'no simulcast' });
    expect(sender.encodings).toMatchObject([{ scaleResolutionDownBy: 1 }]);
  });

  it.each([
    [1920, [4, 2, 1]],
    [640, [2, 1]],
    [320, [1]],
  ])('of %i pixels keeps its whole picture as the largest layer', async (width, scales) => {
    const { peer, connection } = setup(SPEAKS);
    await settle();
    await peer.onAnswer({ id: 1, sdp: 'a' });
    await peer.setTrack('camera', { getSettings: () => ({ width }) } as unknown as MediaStreamTrack);
    const sent = connection.transceivers[1]?.sender.encodings.filter((encoding) => encoding.active !== false);
    expect(sent?.map((encoding) => encoding.scaleResolutionDownBy)).toEqual(scales);
    expect(layersFor(3, width).filter((layer) => layer.active)).toHaveLength(scales.length);
  });
});

describe('layers that nobody watches', () => {
  it('are not sent, whatever the size of the camera, until they are wanted again', async () => {
    const { peer, connection } = setup(SPEAKS);
    await settle();
    await peer.onAnswer({ id: 1, sdp: 'a' });
    const active = () => connection.transceivers[1]?.sender.encodings.map((encoding) => encoding.active);
    await peer.setWanted('camera', { rids: ['q'], watched: true });
    expect(active()).toEqual([true, false, false]);
    await peer.setTrack('camera', { getSettings: () => ({ width: 640 }) } as unknown as MediaStreamTrack);
    expect(active()).toEqual([true, false, false]);
    await peer.setWanted('camera', { rids: ['q', 'h', 'f'], watched: true });
    expect(active()).toEqual([true, true, false]);
    await peer.setWanted('camera', { rids: [], watched: false });
    expect(active()).toEqual([false, false, false]);
  });
});

describe('layers inside of one stream that nobody watches', () => {
  it('are taken from the top, and the picture gets as much smaller', async () => {
    const known = { codecs: [{ mimeType: 'video/VP9' }, { mimeType: 'video/VP8' }] };
    vi.stubGlobal('RTCRtpSender', { getCapabilities: () => known });
    vi.stubGlobal('navigator', { hardwareConcurrency: 8 });
    const { peer, connection } = setup(SPEAKS, 'vp9');
    await settle();
    await peer.onAnswer({ id: 1, sdp: 'a' });
    const sent = () => {
      const { active, scalabilityMode, scaleResolutionDownBy }: Encoding =
        connection.transceivers[1]?.sender.encodings[0] ?? {};
      return [active, scalabilityMode, scaleResolutionDownBy];
    };
    expect(sent()).toEqual([true, 'L3T3_KEY', 1]);
    await peer.setWanted('camera', { rids: [], watched: true, spatial_unwatched: 2 });
    expect(sent()).toEqual([true, 'L1T3', 4]);
    // Another camera, while one layer is left.
    await peer.setTrack('camera', { getSettings: () => ({ width: 640 }) } as unknown as MediaStreamTrack);
    expect(sent()).toEqual([true, 'L1T3', 4]);
    await peer.setWanted('camera', { rids: [], watched: true, spatial_unwatched: 1 });
    expect(sent()).toEqual([true, 'L2T3_KEY', 2]);
    await peer.setWanted('camera', { rids: [], watched: false, spatial_unwatched: 1 });
    expect(sent()).toEqual([false, 'L2T3_KEY', 2]);
    await peer.setWanted('camera', { rids: [], watched: true, spatial_unwatched: 0 });
    expect(sent()).toEqual([true, 'L3T3_KEY', 1]);
  });
});

describe('a broken path', () => {
  it('is given a second to heal, then restarted', async () => {
    const { peer, connection, states, offers } = setup(SPEAKS);
    await settle();
    await peer.onAnswer({ id: 1, sdp: 'a' });
    connection.becomes('connected');
    connection.becomes('disconnected');
    await vi.advanceTimersByTimeAsync(999);
    expect(offers()).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(offers()).toHaveLength(2);
    expect(states).toEqual(['connected', 'interrupted']);
  });

  it.each(['failed', 'connecting'])(
    'that stays %s is tried again every eight seconds until it is there',
    async (state) => {
      const { peer, connection, offers } = setup(SPEAKS);
      await settle();
      await peer.onAnswer({ id: 1, sdp: 'a' });
      connection.becomes(state);
      let known = 1;
      for (const afterMs of state === 'failed' ? [0, 8_000, 8_000] : [8_000, 8_000]) {
        await vi.advanceTimersByTimeAsync(afterMs);
        known += 1;
        expect(offers()).toHaveLength(known);
        await peer.onAnswer({ id: known, sdp: 'a' });
        expect(connection.offers.at(-1)).toEqual({ iceRestart: true });
      }
      connection.becomes('connected');
      await vi.advanceTimersByTimeAsync(60_000);
      expect(offers()).toHaveLength(known);
    },
  );

  it('is looked for at once in another network, and no longer after the end', async () => {
    const { peer, connection, offers, networkChanges } = setup(SPEAKS);
    await settle();
    networkChanges();
    await settle();
    expect(offers(), 'nothing to restart yet').toHaveLength(1);
    await peer.onAnswer({ id: 1, sdp: 'a' });
    connection.becomes('connected');
    networkChanges();
    await settle();
    expect(offers()).toHaveLength(2);
    peer.close();
    expect(() => networkChanges()).toThrow('nobody listens');
  });

  it('is looked for with the newest credentials', async () => {
    const { peer, connection } = setup(SPEAKS);
    await settle();
    const iceServers = [{ urls: ['turn:relay.example'], username: '2:p', credential: 'c' }];
    peer.setIceServers(iceServers);
    expect(connection.configuration).toEqual({ bundlePolicy: 'max-bundle', iceServers });
  });

  it('that heals by itself is left alone', async () => {
    const { peer, connection, offers } = setup(SPEAKS);
    await settle();
    await peer.onAnswer({ id: 1, sdp: 'a' });
    connection.becomes('disconnected');
    connection.becomes('connected');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(offers()).toHaveLength(1);
  });
});

it('tells at most forty candidates of one offer', async () => {
  const { sent, connection } = setup(SPEAKS);
  await settle();
  for (let n = 0; n < 60; n += 1)
    connection.onicecandidate?.({ candidate: { candidate: `candidate:${n}`, sdpMid: '0' } });
  expect(sent.filter((message) => message.type === 'candidate')).toHaveLength(40);
});

describe('a silence', () => {
  /** Packets on one slot, one every 400 ms, for so long. */
  async function hears(connection: FakeConnection, ms: number) {
    const receiver = connection.transceivers.at(-1)?.receiver;
    if (!receiver) throw new Error('no slots');
    for (let past = 0; past < ms; past += 400) {
      receiver.packet = (receiver.packet ?? 0) + 1;
      await vi.advanceTimersByTimeAsync(400);
    }
  }

  it('while ICE still counts as connected makes one ask the hub, and the resume looks for a new way', async () => {
    const { peer, connection, silences, offers } = setup(LISTENS);
    await settle();
    await peer.onAnswer({ id: 1, sdp: 'a' });
    connection.becomes('connected');
    await hears(connection, 4_000);
    expect(silences).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_700);
    expect(silences).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(silences).toHaveLength(1);
    peer.onResumed();
    await settle();
    expect(offers()).toHaveLength(2);
    expect(connection.offers.at(-1)).toEqual({ iceRestart: true });
  });

  it('that has ended is no reason to look for a way', async () => {
    const { peer, connection, silences, offers } = setup(LISTENS);
    await settle();
    await peer.onAnswer({ id: 1, sdp: 'a' });
    connection.becomes('connected');
    await hears(connection, 1_200);
    await vi.advanceTimersByTimeAsync(1_700);
    await hears(connection, 1_200);
    expect(silences).toHaveLength(1);
    peer.onResumed();
    await settle();
    expect(offers()).toHaveLength(1);
  });
});
