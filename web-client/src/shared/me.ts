// Who is signed in.
import { type QueryClient, queryOptions, useQuery } from '@tanstack/react-query';
import { fetchMe, fetchPublicInfo, type Me } from './api';
import { noteServerTime } from './clock';

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: async () => {
    const me = await fetchMe();
    noteServerTime(me.server_time_ms);
    return me;
  },
  staleTime: 5 * 60_000,
  retry: false,
});

export const publicQuery = queryOptions({
  queryKey: ['public'],
  queryFn: fetchPublicInfo,
  staleTime: Number.POSITIVE_INFINITY,
  retry: false,
});

/** The signed-in person; pages behind the sign-in guard always have one. */
export function useMe(): Me | undefined {
  return useQuery(meQuery).data;
}

export function rememberMe(client: QueryClient, me: Me): void {
  noteServerTime(me.server_time_ms);
  client.setQueryData(meQuery.queryKey, me);
}
