import { expect, it } from 'vitest';
import { hasRelay, kbpsOf, rememberCheck, rememberedCheck, wayOf } from './line';

const rows = (local: Record<string, unknown>, pair: Record<string, unknown> = {}) => [
  { id: 'T', type: 'transport', selectedCandidatePairId: 'P' },
  { id: 'other', type: 'candidate-pair', nominated: false, state: 'succeeded', localCandidateId: 'X' },
  { id: 'P', type: 'candidate-pair', nominated: true, state: 'succeeded', localCandidateId: 'L', ...pair },
  { id: 'L', type: 'local-candidate', ...local },
  { id: 'X', type: 'local-candidate', candidateType: 'relay', protocol: 'udp' },
];

it('tells the way by the chosen pair', () => {
  expect(wayOf(rows({ candidateType: 'host', protocol: 'udp' }))).toBe('udp');
  expect(wayOf(rows({ candidateType: 'prflx', protocol: 'tcp' }))).toBe('tcp');
  expect(wayOf(rows({ candidateType: 'relay', protocol: 'udp' }))).toBe('relay');
});

it('finds the pair without a transport row, as Firefox tells it', () => {
  expect(wayOf(rows({ candidateType: 'host', protocol: 'tcp' }).slice(1))).toBe('tcp');
  expect(wayOf([])).toBeUndefined();
});

it('knows relays from servers that only tell addresses', () => {
  expect(hasRelay([{ urls: 'stun:relay.example' }])).toBe(false);
  expect(hasRelay([{ urls: ['stun:a', 'turns:a:443?transport=tcp'] }])).toBe(true);
});

it('measures in kilobits of a second', () => {
  expect(kbpsOf(256 * 1024, 1000)).toBe(2097);
  expect(kbpsOf(1000, 0)).toBe(8000);
});

it('remembers what one person found on this device, for the day', () => {
  const hour = 3_600_000;
  rememberCheck('ann', 1_000, { camera: 'works', speaker: 'works' });
  expect(rememberedCheck('ann', 1_000 + 11 * hour)).toEqual({ camera: 'works', speaker: 'works' });
  expect(rememberedCheck('ann', 1_000 + 12 * hour)).toEqual({});
  expect(rememberedCheck('bob', 2_000)).toEqual({});
  expect(rememberedCheck('ann', 0)).toEqual({});
  localStorage.setItem('kafedra.check', 'torn');
  expect(rememberedCheck('ann', 2_000)).toEqual({});
});
