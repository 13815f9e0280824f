// The number of unread notices, told by the hub; while the stream is down the figure is asked for.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { fetchNotices } from './data';

/** Without a stream the list is asked for this often. */
const POLL_MS = 60_000;

export function useNotices() {
  return useQuery({ queryKey: ['notices'], queryFn: () => fetchNotices(), refetchInterval: POLL_MS });
}

/** Keeps the list fresh while the page is looked at: one stream for a visible page, none for a hidden one. */
export function useLiveNotices(): void {
  const client = useQueryClient();
  useEffect(() => {
    let stream: EventSource | undefined;
    const open = () => {
      if (stream || document.visibilityState === 'hidden') return;
      stream = new EventSource('/api/v1/notices/live');
      stream.addEventListener('unread', () => void client.invalidateQueries({ queryKey: ['notices'] }));
    };
    const close = () => {
      stream?.close();
      stream = undefined;
    };
    const change = () => (document.visibilityState === 'hidden' ? close() : open());
    open();
    document.addEventListener('visibilitychange', change);
    return () => {
      document.removeEventListener('visibilitychange', change);
      close();
    };
  }, [client]);
}
