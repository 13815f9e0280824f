// Cameras, microphones, speakers: what is there, what was chosen, and why one did not start.
import { type ErrorCode, KafedraError } from '../errors';

export type DeviceKind = 'microphone' | 'camera' | 'speaker';
export type Device = { id: string; label: string };
export type Devices = Record<DeviceKind, Device[]>;

const CHOICE_KEY = 'kafedra.device.';

export function chosenDevice(kind: DeviceKind): string | undefined {
  return localStorage.getItem(CHOICE_KEY + kind) ?? undefined;
}

export function chooseDevice(kind: DeviceKind, id: string): void {
  localStorage.setItem(CHOICE_KEY + kind, id);
}

const KINDS: Record<MediaDeviceKind, DeviceKind> = {
  audioinput: 'microphone',
  videoinput: 'camera',
  audiooutput: 'speaker',
};

/** Names are empty until the person has allowed a device once. */
export async function listDevices(): Promise<Devices> {
  const devices: Devices = { microphone: [], camera: [], speaker: [] };
  if (!navigator.mediaDevices) return devices;
  for (const { kind, deviceId, label } of await navigator.mediaDevices.enumerateDevices()) {
    if (deviceId) devices[KINDS[kind]].push({ id: deviceId, label });
  }
  return devices;
}

export function watchDevices(listener: () => void): () => void {
  navigator.mediaDevices?.addEventListener('devicechange', listener);
  return () => navigator.mediaDevices?.removeEventListener('devicechange', listener);
}

/** The names of DOMException come from the Media Capture specification; older Firefox and Safari have their own. */
export function deviceErrorCode(error: unknown): ErrorCode {
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
    case 'PermissionDeniedError':
    case 'SecurityError':
      return 'device_denied';
    case 'NotFoundError':
    case 'DevicesNotFoundError':
    case 'OverconstrainedError':
      return 'device_missing';
    case 'NotReadableError':
    case 'TrackStartError':
    case 'AbortError':
      return 'device_busy';
    default:
      return 'device_failed';
  }
}

function constraints(kind: 'microphone' | 'camera', exact: boolean): MediaStreamConstraints {
  const chosen = chosenDevice(kind);
  const deviceId = chosen && exact ? { exact: chosen } : undefined;
  return kind === 'microphone'
    ? { audio: { deviceId, echoCancellation: true, noiseSuppression: true, autoGainControl: true } }
    : { video: { deviceId, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 24, max: 30 } } };
}

/** Starts the chosen device, or any when the chosen one is gone. */
export async function openDevice(kind: 'microphone' | 'camera'): Promise<MediaStreamTrack> {
  if (!navigator.mediaDevices) throw new KafedraError({ code: 'device_insecure' });
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia(constraints(kind, true));
  } catch (first) {
    if (deviceErrorCode(first) !== 'device_missing' || !chosenDevice(kind))
      throw new KafedraError({ code: deviceErrorCode(first) }, { cause: first });
    try {
      stream = await navigator.mediaDevices.getUserMedia(constraints(kind, false));
    } catch (cause) {
      throw new KafedraError({ code: deviceErrorCode(cause) }, { cause });
    }
  }
  const track = stream.getTracks()[0];
  if (!track) throw new KafedraError({ code: 'device_failed' });
  return track;
}

export type ScreenTracks = { video: MediaStreamTrack; audio: MediaStreamTrack | undefined };

export function canShareScreen(): boolean {
  return typeof navigator.mediaDevices?.getDisplayMedia === 'function';
}

export async function openScreen(): Promise<ScreenTracks> {
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia({
      video: { frameRate: { ideal: 10, max: 30 } },
      audio: true,
    });
    const [video] = stream.getVideoTracks();
    if (!video) throw new KafedraError({ code: 'screen_denied' });
    // Text must stay readable rather than smooth.
    video.contentHint = 'detail';
    return { video, audio: stream.getAudioTracks()[0] };
  } catch (cause) {
    throw new KafedraError({ code: 'screen_denied' }, { cause });
  }
}

export type System = 'windows' | 'macos' | 'android' | 'ios' | 'linux';

/** Which help to show for a denied device. */
export function systemOf(userAgent: string): System {
  if (/android/i.test(userAgent)) return 'android';
  if (/iphone|ipad|ipod/i.test(userAgent)) return 'ios';
  if (/mac os x/i.test(userAgent)) return 'macos';
  if (/windows/i.test(userAgent)) return 'windows';
  return 'linux';
}
