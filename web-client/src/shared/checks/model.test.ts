import { expect, it } from 'vitest';
import { type Findings, standingOf, troublesOf, untriedOf } from './model';

const at = '2026-11-25T09:00:00Z';
const well: Findings = { camera: 'works', microphone: 'works', speaker: 'works', way: 'udp', up_kbps: 2000 };

it('tells what does not work, and a line that is not UDP or too slow', () => {
  expect(troublesOf(well)).toEqual([]);
  expect(troublesOf({ camera: 'missing', microphone: 'silent', way: 'relay' })).toEqual([
    'camera_missing',
    'microphone_silent',
    'way_relay',
  ]);
  expect(troublesOf({ way: 'none' })).toEqual(['way_none']);
  expect(troublesOf({ ...well, up_kbps: 249 })).toEqual(['slow']);
  expect(troublesOf({ ...well, up_kbps: 250, down_kbps: 500 })).toEqual([]);
  // A relay that does not answer is no trouble while the straight way is there.
  expect(troublesOf({ ...well, relay: 'failed' })).toEqual([]);
});

it('asks for camera and microphone only where a recipient sends', () => {
  const line: Findings = { way: 'udp' };
  expect(untriedOf(line, 'video_conference')).toEqual(['microphone', 'camera']);
  expect(untriedOf(line, 'webinar')).toEqual([]);
  expect(standingOf({ at, findings: line }, 'individual')).toBe('partly');
  expect(standingOf({ at, findings: line }, 'webinar')).toBe('fine');
  expect(standingOf({ at, findings: well }, 'individual')).toBe('fine');
  expect(standingOf({ at, findings: { ...well, camera: 'denied' } }, 'webinar')).toBe('trouble');
  expect(standingOf(undefined, 'webinar')).toBe('unchecked');
});
