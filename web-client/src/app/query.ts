import { QueryClient } from '@tanstack/react-query';
import { CATEGORY, refusalOf } from '../shared/errors';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // A refusal stays a refusal; only a fault of the line or the hub is worth another try.
      retry: (failures, error) => failures < 3 && CATEGORY[refusalOf(error).code] === 'technical',
      retryDelay: (attempt) => Math.min(1000 * 2 ** attempt, 8000),
      refetchOnWindowFocus: true,
    },
  },
});
