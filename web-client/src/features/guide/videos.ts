// Video instructions of the school beside the articles.
import { useQuery } from '@tanstack/react-query';
import { problemOf, request } from '../../shared/net/http';
import type { Form } from '../../shared/wire.gen';
import type { Part } from './articles';

/** One of both: an address outside, or a file of the hub's. */
export type Video = { part: Part; form: Form; title: string; link?: string; url?: string };

export const VIDEOS = ['guide-videos'];
/** As the hub takes them. */
export const MOST_TITLE = 120;
export const MOST_LINK = 500;
export const MOST_BYTES = 64 * 1024 * 1024;

export function useVideos() {
  return useQuery({
    queryKey: VIDEOS,
    queryFn: () => request<{ items: Video[] }>('GET', '/api/v1/guide/videos'),
    staleTime: 60_000,
  });
}

const pathOf = (part: Part, form: Form) => `/api/v1/guide/videos/${part}/${form}`;

export const putLink = (part: Part, form: Form, title: string, link: string) =>
  request<void>('PUT', pathOf(part, form), { title, link });

export async function putFile(part: Part, form: Form, title: string, file: File): Promise<void> {
  const answer = await fetch(`${pathOf(part, form)}/file?title=${encodeURIComponent(title)}`, {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'content-type': 'application/octet-stream' },
    body: file,
  });
  if (!answer.ok) throw await problemOf(answer);
}

export const dropVideo = (part: Part, form: Form) => request<void>('DELETE', pathOf(part, form));
