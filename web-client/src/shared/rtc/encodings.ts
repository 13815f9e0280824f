// How cameras, screens and voices are encoded: which codecs an m-line offers, in which layers a picture is sent.
//
// VP8 in three simulcast layers is the default: a cheap laptop encodes it, everything decodes it, and the hub gives each
// receiver the layer that its tile and its line carry. Where the hub asks for VP9 or AV1 the picture goes in one stream with
// layers inside (SVC, key-frame dependencies only, so that the hub can cut at each of them): fewer bits for the same
// picture, more work for the sender. A device without that codec, or with few processors, stays with VP8.
import type { SourceKind, VideoCodec } from '../wire.gen';

export type Codecs = { camera: VideoCodec; screen: VideoCodec };

/** Newer than the types of the DOM (WebRTC-SVC; RTCRtpSendParameters of WebRTC extensions). */
export type Encoding = RTCRtpEncodingParameters & { scalabilityMode?: string };
type Degradation = 'maintain-framerate' | 'maintain-resolution' | 'balanced';
export type SendParameters = RTCRtpSendParameters & { degradationPreference?: Degradation };

const MIME: Record<VideoCodec, RegExp> = {
  vp8: /^video\/vp8$/i,
  vp9: /^video\/vp9$/i,
  av1: /^video\/av1$/i,
  h264: /^video\/h264$/i,
};
/** Fewer processors than this do not encode a large picture in these codecs in time. */
const PROCESSORS: Record<VideoCodec, number> = { vp8: 1, h264: 1, vp9: 4, av1: 8 };
/** When the server takes one layer only. */
const CAMERA_SINGLE_BPS = 1_000_000;
/** With layers inside, by how many: what the simulcast layers of their sizes get, a little less. */
const CAMERA_SVC_BPS = [120_000, 450_000, 1_500_000];
const SVC_LAYERS = CAMERA_SVC_BPS.length;
const SCREEN_BPS = 2_500_000;
/** Slides and text change seldom; a film on the screen still moves. */
const SCREEN_FPS = 15;

/** The codec for a kind of picture on this device: the wanted one where it can be sent, else VP8. */
export function codecFor(
  wanted: VideoCodec,
  known: readonly { mimeType: string }[],
  processors = globalThis.navigator?.hardwareConcurrency ?? 2,
): VideoCodec {
  const fits = processors >= PROCESSORS[wanted] && known.some(({ mimeType }) => MIME[wanted].test(mimeType));
  return fits ? wanted : 'vp8';
}

export type KnownCodec = { mimeType: string; sdpFmtpLine?: string };

/**
 * What an m-line offers, best first: the codecs that the hub forwards, each in the profile that every browser decodes, and
 * no others. With all that Chromium knows, 17 m-lines make an offer of more than the 64 KiB that a message may have.
 */
export function offered<Codec extends KnownCodec>(
  kind: SourceKind | 'receive_audio' | 'receive_video',
  codec: VideoCodec,
  known: readonly Codec[],
): Codec[] {
  const wanted = known.filter(({ mimeType, sdpFmtpLine = '' }) => {
    if (/^(audio\/(opus|red)|video\/(vp8|rtx))$/i.test(mimeType)) return true;
    if (MIME.vp9.test(mimeType)) return !/profile-id=[1-9]/i.test(sdpFmtpLine);
    if (MIME.av1.test(mimeType)) return !/profile=[1-9]/i.test(sdpFmtpLine);
    return MIME.h264.test(mimeType) && /packetization-mode=1.*profile-level-id=42e0/i.test(sdpFmtpLine);
  });
  const rank = ({ mimeType }: Codec): number => {
    // A voice carries its last frame again (RED): a lost packet is not heard. Screen sound may be music, in stereo and
    // large: it goes without.
    if (/^audio\/red$/i.test(mimeType)) return kind === 'microphone' || kind === 'receive_audio' ? 0 : 2;
    if (/^audio\//i.test(mimeType)) return 1;
    if (MIME[codec].test(mimeType)) return 0;
    if (MIME.vp8.test(mimeType)) return 1;
    return /rtx$/i.test(mimeType) ? 9 : 2;
  };
  return wanted
    .map((each, n) => ({ each, n }))
    .sort((a, b) => rank(a.each) - rank(b.each) || a.n - b.n)
    .map(({ each }) => each);
}

/** The encodings with which an m-line starts; small to large, as Chromium wants them. */
export function encodingsFor(kind: SourceKind, codec: VideoCodec): Encoding[] | undefined {
  const svc = codec === 'vp9' || codec === 'av1';
  switch (kind) {
    case 'microphone':
    case 'screen_audio':
      return undefined;
    case 'camera':
      if (svc) return [svcWithout(0)].map(({ maxBitrate, scalabilityMode }) => ({ maxBitrate, scalabilityMode }));
      return [
        { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 120_000, scalabilityMode: 'L1T3' },
        { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 400_000, scalabilityMode: 'L1T3' },
        { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1_300_000, scalabilityMode: 'L1T3' },
      ].map((encoding) => (codec === 'h264' ? without(encoding) : encoding));
    case 'screen': {
      // Half the pictures in a second can be left out for a weak line; text at half the size could not be read.
      const encoding = { maxBitrate: SCREEN_BPS, maxFramerate: SCREEN_FPS, scalabilityMode: 'L1T3' };
      return [codec === 'h264' ? without(encoding) : encoding];
    }
  }
}

/** Browsers' H264 encoders know no temporal layers and refuse the mode. */
function without({ scalabilityMode: _, ...encoding }: Encoding): Encoding {
  return encoding;
}

/** What gives way when processor or line are too weak: a face may blur, text may not. */
export function degradationFor(kind: SourceKind): Degradation {
  return kind === 'screen' ? 'maintain-resolution' : 'balanced';
}

type Layer = Required<Pick<RTCRtpEncodingParameters, 'active' | 'scaleResolutionDownBy' | 'maxBitrate'>> & {
  scalabilityMode?: string;
};

/** One stream with layers inside, without so many of the largest: each is twice the size of the one below. */
function svcWithout(unwatched: number): Layer {
  const layers = Math.max(1, SVC_LAYERS - unwatched);
  const scaleResolutionDownBy = 2 ** (SVC_LAYERS - layers);
  const scalabilityMode = layers === 1 ? 'L1T3' : `L${layers}T3_KEY`;
  return { active: true, scaleResolutionDownBy, maxBitrate: CAMERA_SVC_BPS[layers - 1] ?? 0, scalabilityMode };
}

/**
 * What each of `count` encodings sends of a camera that is `width` pixels wide; unknown: taken as large. `svc`: it has layers
 * inside, of which nobody watches so many of the largest.
 */
export function layersFor(count: number, width = 1280, svc?: number): Layer[] {
  const layer = (scaleResolutionDownBy: number, maxBitrate: number): Layer => ({
    active: true,
    scaleResolutionDownBy,
    maxBitrate,
  });
  const off: Layer = { active: false, scaleResolutionDownBy: 1, maxBitrate: 100_000 };
  // The server took no simulcast, or the layers are inside.
  if (count === 1) return [svc === undefined ? layer(1, CAMERA_SINGLE_BPS) : svcWithout(svc)];
  if (width >= 960) return [layer(4, 120_000), layer(2, 400_000), layer(1, 1_300_000)];
  if (width >= 480) return [layer(2, 150_000), layer(1, 600_000), off];
  return [layer(1, 200_000), off, off];
}
