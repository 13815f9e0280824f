// JSON over HTTP to the hub. Every failure leaves as a `KafedraError` with a code of the closed list.
import { type ErrorCode, isErrorCode, KafedraError } from '../errors';

type Problem = { code?: unknown; params?: Record<string, unknown>; errors?: unknown; retry_after_ms?: unknown };

const STATUS_CODES: Record<number, ErrorCode> = {
  400: 'bad_request',
  401: 'not_authenticated',
  403: 'role_not_permitted',
  404: 'not_found',
  422: 'bad_request',
  429: 'rate_limited',
  502: 'unavailable',
  503: 'unavailable',
  504: 'unavailable',
  507: 'storage_full',
};

/** `Retry-After` is in seconds or a date (RFC 9110, 10.2.3); the hub sends seconds. */
function retryAfterMs(response: Response, problem: Problem): number | undefined {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  if (Number.isFinite(seconds)) return seconds * 1000;
  if (typeof problem.retry_after_ms === 'number') return problem.retry_after_ms;
  const inParams = problem.params?.retry_after_s ?? problem.params?.retry_after;
  return typeof inParams === 'number' ? inParams * 1000 : undefined;
}

export async function problemOf(response: Response): Promise<KafedraError> {
  let problem: Problem = {};
  try {
    problem = (await response.json()) as Problem;
  } catch {
    // A proxy's page, not ours: the status has to do.
  }
  const code = isErrorCode(problem.code) ? problem.code : (STATUS_CODES[response.status] ?? 'internal');
  return new KafedraError({
    code,
    retryAfterMs: retryAfterMs(response, problem),
    params: problem.params,
    errors: problem.errors,
  });
}

export async function request<T>(
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (cause) {
    throw new KafedraError({ code: 'offline' }, { cause });
  }
  if (!response.ok) throw await problemOf(response);
  // Some answers say all by their status: 204, and 201 without a body.
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}
