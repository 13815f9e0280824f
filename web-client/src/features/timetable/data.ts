// The timetable, kept fresh: asked again when something is about to open, and whenever the window is looked at.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { fetchTimetable } from '../../shared/api';
import { noteServerTime, serverNow } from '../../shared/clock';
import { type Item, pollAfterMs, toItems } from './model';

export function useTimetable(from: string, to: string) {
  return useQuery({
    queryKey: ['timetable', from, to],
    queryFn: async (): Promise<Item[]> => {
      const answer = await fetchTimetable(from, to);
      noteServerTime(answer.server_time_ms);
      return toItems(answer.items);
    },
    refetchInterval: (query) => pollAfterMs(query.state.data ?? [], serverNow()),
    placeholderData: keepPreviousData,
  });
}
