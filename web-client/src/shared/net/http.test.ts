import { afterEach, describe, expect, it, vi } from 'vitest';
import { KafedraError, refusalOf } from '../errors';
import { request } from './http';

function answers(status: number, body: string, headers: Record<string, string> = {}): void {
  vi.stubGlobal('fetch', async () => new Response(body, { status, headers }));
}

async function refusalFor(): Promise<unknown> {
  try {
    await request('GET', '/api/v1/me');
  } catch (error) {
    expect(error).toBeInstanceOf(KafedraError);
    return refusalOf(error);
  }
  throw new Error('it was not refused');
}

afterEach(() => void vi.unstubAllGlobals());

describe('a refused request', () => {
  it('carries the code of the problem and the time to wait', async () => {
    answers(429, JSON.stringify({ code: 'rate_limited', params: { retry_after_s: 7 } }), { 'retry-after': '42' });
    expect(await refusalFor()).toMatchObject({ code: 'rate_limited', retryAfterMs: 42_000 });
  });

  it('takes the time from the parameters when no header says it', async () => {
    answers(409, JSON.stringify({ code: 'too_early', params: { retry_after_s: 7 } }));
    expect(await refusalFor()).toMatchObject({ code: 'too_early', retryAfterMs: 7000 });
  });

  it.each([
    [401, 'not_authenticated'],
    [403, 'role_not_permitted'],
    [404, 'not_found'],
    [502, 'unavailable'],
    [507, 'storage_full'],
    [500, 'internal'],
  ])('of a proxy is read by its status: %i', async (status, code) => {
    answers(status, '<html>Bad</html>');
    expect(await refusalFor()).toMatchObject({ code });
  });

  it('with a code that this build does not know falls back to the status', async () => {
    answers(403, JSON.stringify({ code: 'invented_tomorrow' }));
    expect(await refusalFor()).toMatchObject({ code: 'role_not_permitted' });
  });

  it('without a line is offline', async () => {
    vi.stubGlobal('fetch', async () => {
      throw new TypeError('Failed to fetch');
    });
    expect(await refusalFor()).toMatchObject({ code: 'offline' });
  });
});

it('gives nothing for an answer without content', async () => {
  vi.stubGlobal('fetch', async () => new Response(null, { status: 204 }));
  expect(await request('DELETE', '/api/v1/session')).toBeUndefined();
});
