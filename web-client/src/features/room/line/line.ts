// Tries the way that media will take: a peer connection of its own to the hub's media ports, and a measurement over HTTP.
import type { Device, Findings, OwnCheck, Way } from '../../../shared/checks/model';
import { problemOf, request } from '../../../shared/net/http';

const PATH = '/api/v1/device-check';
/** A relay over TLS on a slow line takes its seconds; what has not stood by then will not help a lesson. */
const TRIED_MS = 10_000;
const RELAY_MS = 3_000;
/** One measurement, and how long it may take: slower than that is slow enough to be told of. */
const MEASURED_BYTES = 256 * 1024;
const MEASURED_MS = 8_000;

type Row = Record<string, unknown> & { id: string; type: string };

/** By what way the chosen pair of candidates goes; nothing before one is chosen. */
export function wayOf(report: { forEach(visit: (row: Row) => void): void }): Way | undefined {
  const rows = new Map<string, Row>();
  report.forEach((row) => {
    rows.set(row.id, row);
  });
  const all = [...rows.values()];
  const chosen = all.find(({ type }) => type === 'transport')?.selectedCandidatePairId;
  const pair =
    (typeof chosen === 'string' ? rows.get(chosen) : undefined) ??
    all.find(({ type, nominated, state }) => type === 'candidate-pair' && nominated === true && state === 'succeeded');
  const local = pair && rows.get(String(pair.localCandidateId));
  if (!local) return undefined;
  if (local.candidateType === 'relay') return 'relay';
  return local.protocol === 'tcp' ? 'tcp' : 'udp';
}

export function hasRelay(servers: readonly RTCIceServer[]): boolean {
  return servers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/.test(url)));
}

export function kbpsOf(bytes: number, ms: number): number {
  return Math.round((bytes * 8) / Math.max(1, ms));
}

/** Everything that can be known of the line. Throws what the hub refuses, and `AbortError` when it is no longer wanted. */
export async function checkLine(signal: AbortSignal): Promise<Findings> {
  const { ice_servers: servers } = await request<OwnCheck>('GET', PATH);
  signal.throwIfAborted();
  const tried = await tryWay(servers, signal);
  const down_kbps = await measured((until) => received(until), signal);
  const up_kbps = await measured((until) => sent(until), signal);
  return { ...tried, down_kbps, up_kbps };
}

async function tryWay(iceServers: RTCIceServer[], signal: AbortSignal): Promise<{ way: Way; relay?: Device }> {
  const peer = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
  const stop = () => peer.close();
  signal.addEventListener('abort', stop);
  try {
    let relayed = false;
    const gathered = new Promise<void>((resolve) => {
      peer.onicecandidate = ({ candidate }) => {
        if (candidate && / typ relay\b/.test(candidate.candidate)) relayed = true;
        if (!candidate || relayed) resolve();
      };
    });
    peer.addTransceiver('audio', { direction: 'recvonly' });
    await peer.setLocalDescription();
    const response = await fetch(`${PATH}/connection`, {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'content-type': 'application/sdp' },
      body: peer.localDescription?.sdp ?? '',
      signal,
    });
    if (!response.ok) throw await problemOf(response);
    await peer.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    const stands = await connected(peer, signal);
    const way: Way = stands ? (wayOf(await peer.getStats()) ?? 'none') : 'none';
    if (!hasRelay(iceServers)) return { way };
    await Promise.race([gathered, new Promise((resolve) => setTimeout(resolve, RELAY_MS))]);
    return { way, relay: relayed ? 'works' : 'failed' };
  } finally {
    signal.removeEventListener('abort', stop);
    peer.close();
  }
}

function connected(peer: RTCPeerConnection, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(false), TRIED_MS);
    const look = () => {
      if (peer.connectionState === 'connected') resolve(true);
      else if (peer.connectionState === 'failed') resolve(false);
      else return;
      clearTimeout(timer);
    };
    peer.onconnectionstatechange = look;
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
    look();
  });
}

/** Nothing when the hub would not be measured; a slow line is measured by what came in the time. */
async function measured(
  pass: (until: AbortSignal) => Promise<number | undefined>,
  signal: AbortSignal,
): Promise<number | undefined> {
  signal.throwIfAborted();
  const late = new AbortController();
  const stop = () => late.abort(signal.reason);
  signal.addEventListener('abort', stop);
  const timer = setTimeout(() => late.abort(), MEASURED_MS);
  const from = performance.now();
  try {
    const bytes = await pass(late.signal);
    return bytes === undefined ? undefined : kbpsOf(bytes, performance.now() - from);
  } catch (error) {
    signal.throwIfAborted();
    if (late.signal.aborted) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

async function received(until: AbortSignal): Promise<number | undefined> {
  let response: Response;
  try {
    response = await fetch(`${PATH}/data`, { credentials: 'same-origin', cache: 'no-store', signal: until });
  } catch {
    return undefined;
  }
  const reader = response.ok ? response.body?.getReader() : undefined;
  if (!reader) return undefined;
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return bytes;
      bytes += value.byteLength;
    }
  } catch {
    // Cut off by the clock: what came by then is the speed.
    return until.aborted && bytes > 0 ? bytes : undefined;
  }
}

async function sent(until: AbortSignal): Promise<number | undefined> {
  const body = new Uint8Array(MEASURED_BYTES);
  // The system gives at most 64 KiB of randomness at once; nothing on the way shall pack it.
  for (let at = 0; at < body.length; at += 65_536) crypto.getRandomValues(body.subarray(at, at + 65_536));
  try {
    const response = await fetch(`${PATH}/data`, { method: 'POST', credentials: 'same-origin', body, signal: until });
    return response.ok ? body.length : undefined;
  } catch {
    // The browser does not tell how much had gone: less than all of it, which is slow.
    return until.aborted ? body.length : undefined;
  }
}

/** What this person found on this device stays true for the day: who comes in quickly has not unlearnt it. */
const REMEMBERED = 'kafedra.check';
const REMEMBERED_MS = 12 * 3_600_000;

export function rememberedCheck(person: string, nowMs: number): Findings {
  try {
    const kept = JSON.parse(localStorage.getItem(REMEMBERED) ?? '{}') as Record<string, unknown>;
    const age = nowMs - Number(kept.at);
    return kept.person === person && age >= 0 && age < REMEMBERED_MS ? (kept.findings as Findings) : {};
  } catch {
    return {};
  }
}

export function rememberCheck(person: string, nowMs: number, findings: Findings): void {
  try {
    localStorage.setItem(REMEMBERED, JSON.stringify({ person, at: nowMs, findings }));
  } catch {
    // Checked anew next time; that is all.
  }
}

/** Also as the page goes away. A check that is lost is made again. */
export function keepCheck(consultation: string | undefined, findings: Findings): void {
  const body = JSON.stringify({ consultation, findings });
  void fetch(PATH, {
    method: 'PUT',
    credentials: 'same-origin',
    keepalive: true,
    headers: { 'content-type': 'application/json' },
    body,
  }).catch(() => undefined);
}
