// How loud a microphone is, and whether it is silent though it is on.

export type Meter = {
  /** 0 (silence) to 1 (as loud as it gets). */
  read: () => number;
  stop: () => void;
};

/** Loudness in dBFS that fills nothing and all of the gauge. */
const FLOOR_DB = -60;

/** Root mean square of samples (-1 to 1) as a share of the gauge. */
export function loudness(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const db = 10 * Math.log10(sum / Math.max(1, samples.length) + 1e-12);
  return Math.min(1, Math.max(0, 1 - db / FLOOR_DB));
}

export function openMeter(track: MediaStreamTrack): Meter {
  const context = new AudioContext();
  const source = context.createMediaStreamSource(new MediaStream([track]));
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  // Without a click on the page yet, browsers keep it suspended; the next read tries again.
  return {
    read: () => {
      if (context.state === 'suspended') void context.resume();
      analyser.getFloatTimeDomainData(samples);
      return loudness(samples);
    },
    stop: () => {
      source.disconnect();
      void context.close();
    },
  };
}

/** Below this share of the gauge nobody speaks and no room hums: the microphone itself is off or broken. */
const SILENT = 0.03;
const SILENT_AFTER_MS = 6_000;

/** Fed with loudness and time; says when a microphone has given nothing at all for a while. */
export class SilenceWatch {
  #sinceMs: number | undefined;

  feed(level: number, nowMs: number): boolean {
    if (level > SILENT) {
      this.#sinceMs = undefined;
      return false;
    }
    this.#sinceMs ??= nowMs;
    return nowMs - this.#sinceMs >= SILENT_AFTER_MS;
  }
}

/** Two notes on the chosen speaker. Resolves when they have faded. */
export async function playTestSound(speaker: string | undefined): Promise<void> {
  const context = new AudioContext();
  const output = context.createMediaStreamDestination();
  const gain = context.createGain();
  gain.connect(output);
  const start = context.currentTime + 0.05;
  for (const [n, frequency] of [523.25, 659.25].entries()) {
    const note = context.createOscillator();
    note.frequency.value = frequency;
    note.connect(gain);
    note.start(start + n * 0.35);
    note.stop(start + n * 0.35 + 0.3);
  }
  gain.gain.setValueAtTime(0.25, start);
  gain.gain.linearRampToValueAtTime(0, start + 0.9);
  const audio = new Audio();
  audio.srcObject = output.stream;
  if (speaker && 'setSinkId' in audio) await audio.setSinkId(speaker).catch(() => undefined);
  await audio.play();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  audio.srcObject = null;
  await context.close();
}
