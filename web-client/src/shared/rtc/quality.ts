// What `getStats` says about the line, as the hub's report and as plain words.
import type { Mid, PeerId, QualityReport } from '../wire.gen';

/** Sums since the connection began, by the statistics of WebRTC. */
export type Totals = {
  packets: number;
  lost: number;
  freezeMs: number;
  rttMs: number;
  jitterMs: number;
  /** Packets received per slot. */
  bySlot: Record<Mid, number>;
};

type Row = Record<string, unknown> & { type: string };
const number = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);

export function totalsOf(report: { forEach(visit: (row: Row) => void): void }): Totals {
  const totals: Totals = { packets: 0, lost: 0, freezeMs: 0, rttMs: 0, jitterMs: 0, bySlot: {} };
  report.forEach((row) => {
    if (row.type === 'inbound-rtp') {
      totals.packets += number(row.packetsReceived);
      totals.lost += Math.max(0, number(row.packetsLost));
      totals.freezeMs += number(row.totalFreezesDuration) * 1000;
      totals.jitterMs = Math.max(totals.jitterMs, number(row.jitter) * 1000);
      if (typeof row.mid === 'string') totals.bySlot[row.mid] = number(row.packetsReceived);
    } else if (row.type === 'candidate-pair' && row.nominated === true && row.state === 'succeeded') {
      totals.rttMs = number(row.currentRoundTripTime) * 1000;
    }
  });
  return totals;
}

/** `heard`: which peer's microphone each audio slot should carry. */
export function reportOf(before: Totals, after: Totals, heard: Record<Mid, PeerId>): QualityReport {
  const packets = Math.max(0, after.packets - before.packets);
  const lost = Math.max(0, after.lost - before.lost);
  const all = packets + lost;
  const unheard = Object.entries(heard)
    .filter(([mid]) => (after.bySlot[mid] ?? 0) === (before.bySlot[mid] ?? 0))
    .map(([, peer]) => peer);
  return {
    rtt_ms: Math.round(after.rttMs),
    loss_permille: all === 0 ? 0 : Math.min(1000, Math.round((lost / all) * 1000)),
    jitter_ms: Math.round(after.jitterMs),
    freeze_ms: Math.max(0, Math.round(after.freezeMs - before.freezeMs)),
    unheard: [...new Set(unheard)],
  };
}

export type Grade = 'good' | 'fair' | 'poor';

/** Thresholds: loss that voices survive (2 %), loss that they do not (8 %), a round trip that hinders talk (400 ms). */
export function gradeOf(report: QualityReport): Grade {
  if (report.loss_permille >= 80 || report.rtt_ms >= 800 || report.freeze_ms >= 4000) return 'poor';
  if (report.loss_permille >= 20 || report.rtt_ms >= 400 || report.freeze_ms >= 1000) return 'fair';
  return 'good';
}
