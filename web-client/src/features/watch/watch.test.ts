import { describe, expect, it } from 'vitest';
import { fragmentOf, serversOf, withCredentials } from './whep';

describe('a restart', () => {
  const offer = [
    'v=0',
    'a=group:BUNDLE 0 1',
    'a=ice-options:trickle',
    'm=video 9 UDP/TLS/RTP/SAVPF 96',
    'c=IN IP4 0.0.0.0',
    'a=ice-ufrag:new',
    'a=ice-pwd:secret',
    'a=mid:0',
    'a=recvonly',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111',
    'a=ice-ufrag:new',
    'a=mid:1',
  ].join('\r\n');

  it('names the m-line of the bundle with its credentials, and nothing else', () => {
    expect(fragmentOf(offer).trimEnd().split('\r\n')).toEqual([
      'a=group:BUNDLE 0 1',
      'a=ice-options:trickle',
      'm=video 9 UDP/TLS/RTP/SAVPF 96',
      'a=ice-ufrag:new',
      'a=ice-pwd:secret',
      'a=mid:0',
    ]);
  });

  it('puts the new credentials on every m-line of the answer', () => {
    const answer =
      'v=0\r\nm=video 9 X 96\r\na=ice-ufrag:old\r\na=ice-pwd:older\r\nm=audio 9 X 111\r\na=ice-ufrag:old\r\n';
    expect(withCredentials(answer, 'a=ice-lite\r\na=ice-ufrag:fresh\r\na=ice-pwd:fresher\r\n')).toBe(
      'v=0\r\nm=video 9 X 96\r\na=ice-ufrag:fresh\r\na=ice-pwd:fresher\r\nm=audio 9 X 111\r\na=ice-ufrag:fresh\r\n',
    );
  });
});

it('servers stand in Link headers, several in one, with quotation marks inside', () => {
  const link =
    '<stun:stun.example>; rel="ice-server", ' +
    '<turn:turn.example?transport=udp>; rel="ice-server"; username="17:ann"; credential="a\\"b,c"; credential-type="password", ' +
    '<https://other.example>; rel="next"';
  expect(serversOf(link)).toEqual([
    { urls: 'stun:stun.example', username: undefined, credential: undefined },
    { urls: 'turn:turn.example?transport=udp', username: '17:ann', credential: 'a"b,c' },
  ]);
});
