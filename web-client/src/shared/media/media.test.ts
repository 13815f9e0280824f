import { describe, expect, it } from 'vitest';
import { deviceErrorCode, systemOf } from './devices';
import { loudness, SilenceWatch } from './meter';

describe('a device that does not start', () => {
  it.each([
    ['NotAllowedError', 'device_denied'],
    ['NotFoundError', 'device_missing'],
    ['OverconstrainedError', 'device_missing'],
    ['NotReadableError', 'device_busy'],
    ['TypeError', 'device_failed'],
  ])('%s is %s', (name, code) => {
    expect(deviceErrorCode(Object.assign(new Error('no'), { name }))).toBe(code);
  });
});

describe('the meter', () => {
  it('shows nothing for silence, all for the loudest, and the middle in between', () => {
    expect(loudness(new Float32Array(1024))).toBe(0);
    expect(loudness(new Float32Array(1024).fill(1))).toBe(1);
    expect(loudness(new Float32Array(1024).fill(0.03))).toBeCloseTo(0.49, 1);
  });

  it('calls a microphone silent after six seconds of nothing, and takes it back at the first sound', () => {
    const watch = new SilenceWatch();
    expect(watch.feed(0, 0)).toBe(false);
    expect(watch.feed(0.01, 5_999)).toBe(false);
    expect(watch.feed(0, 6_000)).toBe(true);
    expect(watch.feed(0.4, 6_100)).toBe(false);
    expect(watch.feed(0, 6_200)).toBe(false);
  });
});

it.each([
  ['Mozilla/5.0 (Windows NT 10.0; Win64; x64)', 'windows'],
  ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)', 'macos'],
  ['Mozilla/5.0 (Linux; Android 14)', 'android'],
  ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)', 'ios'],
  ['Mozilla/5.0 (X11; Linux x86_64)', 'linux'],
])('%s is %s', (agent, system) => expect(systemOf(agent)).toBe(system));
