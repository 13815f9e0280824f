import { useEffect } from 'react';

/** The window's title while this page is shown. */
export function useTitle(title: string | undefined): void {
  useEffect(() => {
    document.title = title ? `${title} · Кафедра` : 'Кафедра';
  }, [title]);
}
