import { describe, expect, it } from 'vitest';
import { codecFor, encodingsFor, offered } from './encodings';

/** What Chromium says of itself, in its order. */
const VIDEO = [
  { mimeType: 'video/VP8' },
  { mimeType: 'video/rtx' },
  { mimeType: 'video/VP9', sdpFmtpLine: 'profile-id=0' },
  { mimeType: 'video/VP9', sdpFmtpLine: 'profile-id=2' },
  { mimeType: 'video/H264', sdpFmtpLine: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f' },
  { mimeType: 'video/H264', sdpFmtpLine: 'level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f' },
  { mimeType: 'video/H264', sdpFmtpLine: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f' },
  { mimeType: 'video/AV1', sdpFmtpLine: 'level-idx=5;profile=0;tier=0' },
  { mimeType: 'video/AV1', sdpFmtpLine: 'level-idx=5;profile=1;tier=0' },
  { mimeType: 'video/red' },
  { mimeType: 'video/ulpfec' },
];
const AUDIO = [{ mimeType: 'audio/opus' }, { mimeType: 'audio/red' }, { mimeType: 'audio/G722' }];

const names = (codecs: { mimeType: string }[]) => codecs.map(({ mimeType }) => mimeType.split('/')[1]);

describe('the codecs of an m-line', () => {
  it('are those that the hub forwards, in the profile that everybody decodes, the wanted one first', () => {
    expect(names(offered('camera', 'vp8', VIDEO))).toEqual(['VP8', 'VP9', 'H264', 'AV1', 'rtx']);
    expect(names(offered('camera', 'vp9', VIDEO))).toEqual(['VP9', 'VP8', 'H264', 'AV1', 'rtx']);
    expect(names(offered('screen', 'av1', VIDEO))).toEqual(['AV1', 'VP8', 'VP9', 'H264', 'rtx']);
    const h264 = offered('receive_video', 'vp8', VIDEO).find(({ mimeType }) => mimeType === 'video/H264');
    expect(h264?.sdpFmtpLine).toContain('packetization-mode=1;profile-level-id=42e0');
  });

  it('repeat the last frame of a voice, not of music', () => {
    expect(names(offered('microphone', 'vp8', AUDIO))).toEqual(['red', 'opus']);
    expect(names(offered('receive_audio', 'vp8', AUDIO))).toEqual(['red', 'opus']);
    expect(names(offered('screen_audio', 'vp8', AUDIO))).toEqual(['opus', 'red']);
  });
});

describe('the codec of a picture', () => {
  it.each([
    ['vp9', 4, 'vp9'],
    ['vp9', 2, 'vp8'],
    ['av1', 4, 'vp8'],
    ['av1', 8, 'av1'],
    ['h264', 1, 'h264'],
  ] as const)('%s on %d processors is %s', (wanted, processors, expected) => {
    expect(codecFor(wanted, VIDEO, processors)).toBe(expected);
  });

  it('is VP8 where the wanted one cannot be sent', () => {
    expect(codecFor('av1', [{ mimeType: 'video/VP8' }], 16)).toBe('vp8');
  });
});

describe('the layers of a picture', () => {
  it('are three streams of VP8, small to large, or one stream of VP9 or AV1 with layers inside', () => {
    expect(encodingsFor('camera', 'vp8')?.map(({ rid }) => rid)).toEqual(['q', 'h', 'f']);
    for (const codec of ['vp9', 'av1'] as const)
      expect(encodingsFor('camera', codec)).toEqual([{ maxBitrate: 1_500_000, scalabilityMode: 'L3T3_KEY' }]);
  });

  it('of H264 have no temporal layers, which its encoders refuse', () => {
    const encodings = [...(encodingsFor('camera', 'h264') ?? []), ...(encodingsFor('screen', 'h264') ?? [])];
    expect(encodings.map(({ scalabilityMode }) => scalabilityMode)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(encodingsFor('microphone', 'h264')).toBeUndefined();
  });
});
