// A WHEP session (draft-ietf-wish-whep) with the hub: the HTTP of it, and nothing of the screen.
import { KafedraError } from '../../shared/errors';
import { problemOf } from '../../shared/net/http';

const SDP = 'application/sdp';
const FRAGMENT = 'application/trickle-ice-sdpfrag';

export type WhepSession = { url: string; etag: string; iceServers: RTCIceServer[] };

async function call(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { credentials: 'same-origin', ...init });
  } catch (cause) {
    throw new KafedraError({ code: 'offline' }, { cause });
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** Offers; gives the answer and the session. */
export async function begin(room: string, offer: string): Promise<{ answer: string; session: WhepSession }> {
  const path = `/api/v1/rooms/${encodeURIComponent(room)}/whep`;
  const response = await call(path, { method: 'POST', headers: { 'content-type': SDP, accept: SDP }, body: offer });
  const session = {
    url: new URL(response.headers.get('location') ?? '', location.origin + path).pathname,
    etag: response.headers.get('etag') ?? '"*"',
    iceServers: serversOf(response.headers.get('link') ?? ''),
  };
  return { answer: await response.text(), session };
}

/** New ICE credentials for the same session; gives the hub's as an answer for the same m-lines. */
export async function restart(
  session: WhepSession,
  offer: string,
  answer: string,
): Promise<{ answer: string; etag: string }> {
  const response = await call(session.url, {
    method: 'PATCH',
    headers: { 'content-type': FRAGMENT, accept: FRAGMENT, 'if-match': '*' },
    body: fragmentOf(offer),
  });
  const fragment = await response.text();
  return { answer: withCredentials(answer, fragment), etag: response.headers.get('etag') ?? session.etag };
}

/** Whether the hub still knows the session; false as well when it knows nobody. */
export async function isThere(session: WhepSession): Promise<boolean> {
  const response = await fetch(session.url, { credentials: 'same-origin' }).catch(() => undefined);
  // The hub cannot be asked: nothing is known of the session.
  if (!response || response.status >= 500) return true;
  return response.ok;
}

export function end(session: WhepSession): void {
  // The page may be going away.
  void fetch(session.url, { method: 'DELETE', credentials: 'same-origin', keepalive: true }).catch(() => undefined);
}

const credential = (line: string): boolean => /^a=ice-(ufrag|pwd):/.test(line);
const lines = (text: string): string[] => text.split(/\r?\n/).filter((line) => line !== '');

/** What RFC 8840 wants of a restart: the m-line that the bundle is named after, with its credentials and candidates. */
export function fragmentOf(offer: string): string {
  const all = lines(offer);
  const first = all.findIndex((line) => line.startsWith('m='));
  const next = all.findIndex((line, n) => n > first && line.startsWith('m='));
  const head = all.slice(0, first).filter((line) => /^a=(group|ice-options):/.test(line));
  const body = all.slice(first, next < 0 ? undefined : next);
  const kept = body.filter((line) => credential(line) || /^(m=|a=(mid|candidate):)/.test(line));
  return `${[...head, ...kept].join('\r\n')}\r\n`;
}

/** The answer as it was, with the ICE of a fragment. */
export function withCredentials(answer: string, fragment: string): string {
  const said = lines(fragment);
  const find = (name: string) => said.find((line) => line.startsWith(`a=${name}:`));
  const fresh = lines(answer).map((line) => {
    const name = /^a=(ice-ufrag|ice-pwd):/.exec(line)?.[1];
    return (name && find(name)) || line;
  });
  return `${fresh.join('\r\n')}\r\n`;
}

/** STUN and TURN servers out of `Link` headers (RFC 9725, 4.6). */
export function serversOf(link: string): RTCIceServer[] {
  const servers: RTCIceServer[] = [];
  for (const [, url, rest = ''] of link.matchAll(/<([^>]*)>((?:\s*;\s*[a-z-]+="(?:[^"\\]|\\.)*")*)/g)) {
    const value = (name: string) =>
      new RegExp(`;\\s*${name}="((?:[^"\\\\]|\\\\.)*)"`).exec(rest)?.[1]?.replace(/\\(.)/g, '$1');
    if (url === undefined || value('rel') !== 'ice-server') continue;
    servers.push({ urls: url, username: value('username'), credential: value('credential') });
  }
  return servers;
}
