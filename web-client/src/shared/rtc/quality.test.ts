import { describe, expect, it } from 'vitest';
import { gradeOf, reportOf, totalsOf } from './quality';

const rows = (received: number, lost: number) =>
  new Map<string, Record<string, unknown> & { type: string }>([
    ['pair', { type: 'candidate-pair', nominated: true, state: 'succeeded', currentRoundTripTime: 0.05 }],
    ['a', { type: 'inbound-rtp', mid: '4', packetsReceived: received, packetsLost: lost, jitter: 0.012 }],
    ['v', { type: 'inbound-rtp', mid: '7', packetsReceived: 0, packetsLost: 0, totalFreezesDuration: 1.5 }],
    ['junk', { type: 'inbound-rtp', packetsReceived: 'many' }],
  ]);

describe('the quality report', () => {
  it('counts what happened since the last one', () => {
    const report = reportOf(totalsOf(rows(1000, 10)), totalsOf(rows(1970, 40)), { '4': 'anna', '7': 'boris' });
    expect(report).toEqual({ rtt_ms: 50, loss_permille: 30, jitter_ms: 12, freeze_ms: 0, unheard: ['boris'] });
  });

  it('is calm when nothing was received', () => {
    expect(reportOf(totalsOf(rows(5, 0)), totalsOf(rows(5, 0)), {}).loss_permille).toBe(0);
  });

  it.each([
    [{ loss_permille: 5 }, 'good'],
    [{ loss_permille: 30 }, 'fair'],
    [{ loss_permille: 90 }, 'poor'],
    [{ rtt_ms: 500 }, 'fair'],
    [{ rtt_ms: 900 }, 'poor'],
    [{ freeze_ms: 1200 }, 'fair'],
  ] as const)('%o is %s', (change, grade) => {
    expect(gradeOf({ rtt_ms: 20, loss_permille: 0, jitter_ms: 0, freeze_ms: 0, unheard: [], ...change })).toBe(grade);
  });
});
