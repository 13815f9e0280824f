// What this device sends: microphone, camera, screen. Knows devices, not the room.
import { type Refusal, refusalOf } from '../../shared/errors';
import { chooseDevice, type DeviceKind, openDevice, openScreen } from '../../shared/media/devices';
import type { SourceKind } from '../../shared/wire.gen';

export type Switch = 'off' | 'starting' | 'on';
export type OwnKind = 'microphone' | 'camera' | 'screen';
export type LocalState = Record<OwnKind, Switch> & {
  /** Why the last device did not start. */
  trouble: { kind: OwnKind; refusal: Refusal } | undefined;
};

const REMEMBERED = 'kafedra.media';
export const ALL_OFF: LocalState = { microphone: 'off', camera: 'off', screen: 'off', trouble: undefined };

/** What was on in this tab before a reload. */
export function rememberedMedia(): { microphone: boolean; camera: boolean } {
  try {
    const value = JSON.parse(sessionStorage.getItem(REMEMBERED) ?? '{}') as Record<string, unknown>;
    return { microphone: value.microphone === true, camera: value.camera === true };
  } catch {
    return { microphone: false, camera: false };
  }
}

export class LocalMedia {
  state: LocalState = ALL_OFF;
  readonly #tracks = new Map<SourceKind, MediaStreamTrack>();
  readonly #listeners = new Set<() => void>();
  /** A later switch wins over an earlier one that is still starting. */
  readonly #turns: Record<OwnKind, number> = { microphone: 0, camera: 0, screen: 0 };

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): LocalState => this.state;

  /** The track to send; none while off. */
  track(kind: SourceKind): MediaStreamTrack | undefined {
    return this.#tracks.get(kind);
  }

  async on(kind: OwnKind): Promise<void> {
    if (this.state[kind] !== 'off') return;
    const turn = ++this.#turns[kind];
    this.#set({ [kind]: 'starting', trouble: undefined });
    try {
      const tracks = await this.#open(kind);
      if (turn !== this.#turns[kind]) {
        for (const [, track] of tracks) track.stop();
        return;
      }
      for (const [source, track] of tracks) {
        this.#tracks.set(source, track);
        track.onended = () => this.#ended(kind, track);
      }
      this.#set({ [kind]: 'on' });
    } catch (error) {
      if (turn === this.#turns[kind]) this.#set({ [kind]: 'off', trouble: { kind, refusal: refusalOf(error) } });
    }
  }

  off(kind: OwnKind): void {
    if (this.state[kind] === 'off') return;
    this.#turns[kind] += 1;
    for (const source of kind === 'screen' ? (['screen', 'screen_audio'] as const) : [kind]) {
      const track = this.#tracks.get(source);
      if (track) {
        track.onended = null;
        track.stop();
      }
      this.#tracks.delete(source);
    }
    this.#set({ [kind]: 'off' });
  }

  toggle(kind: OwnKind): void {
    if (this.state[kind] === 'off') void this.on(kind);
    else this.off(kind);
  }

  /** Takes another device; what was on goes on with it. */
  async choose(kind: DeviceKind, id: string): Promise<void> {
    chooseDevice(kind, id);
    if (kind === 'speaker' || this.state[kind] === 'off') return;
    this.off(kind);
    await this.on(kind);
  }

  clearTrouble(): void {
    this.#set({ trouble: undefined });
  }

  stop(): void {
    for (const kind of ['microphone', 'camera', 'screen'] as const) if (this.state[kind] !== 'off') this.off(kind);
  }

  async #open(kind: OwnKind): Promise<[SourceKind, MediaStreamTrack][]> {
    if (kind !== 'screen') return [[kind, await openDevice(kind)]];
    const { video, audio } = await openScreen();
    return audio
      ? [
          ['screen', video],
          ['screen_audio', audio],
        ]
      : [['screen', video]];
  }

  /** The device was pulled out, or the browser's own "stop sharing" was pressed. */
  #ended(kind: OwnKind, track: MediaStreamTrack): void {
    if (![...this.#tracks.values()].includes(track)) return;
    this.off(kind);
    if (kind !== 'screen') this.#set({ trouble: { kind, refusal: { code: 'device_missing' } } });
  }

  #set(change: Partial<LocalState>): void {
    this.state = { ...this.state, ...change };
    try {
      const { microphone, camera } = this.state;
      sessionStorage.setItem(
        REMEMBERED,
        JSON.stringify({ microphone: microphone !== 'off', camera: camera !== 'off' }),
      );
    } catch {
      // Forgotten at a reload; that is all.
    }
    for (const listener of this.#listeners) listener();
  }
}
