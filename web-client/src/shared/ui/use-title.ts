import { useEffect } from 'react';
import { commonTexts } from '../i18n/common';
import { useTexts } from '../i18n/use-texts';

/** The window's title while this page is shown. */
export function useTitle(title: string | undefined): void {
  const app = useTexts(commonTexts)('app_name');
  useEffect(() => {
    document.title = title ? `${title} · ${app}` : app;
  }, [title, app]);
}
