import { useCallback, useEffect, useSyncExternalStore } from 'react';
import { currentLocale, type Locale, notifyLocale, subscribeLocale } from './locale';
import { type Dictionary, type Texts, type Translate, translate } from './texts';

export function useLocale(): Locale {
  return useSyncExternalStore(subscribeLocale, currentLocale, currentLocale);
}

/** The translate function of these texts in the current language; Russian until English has arrived. */
export function useTexts<D extends Dictionary>(texts: Texts<D>): Translate<D> {
  const locale = useLocale();
  const english = useSyncExternalStore(
    subscribeLocale,
    () => texts.english,
    () => texts.english,
  );
  useEffect(() => {
    if (locale === 'en' && !texts.english) {
      texts.load().then(notifyLocale, () => {
        // Offline: Russian stays.
      });
    }
  }, [locale, texts]);
  return useCallback(
    ((key: string, values?: Record<string, string | number>) => {
      if (locale === 'en' && english) return translate(english as Dictionary, 'en', key, values);
      return translate(texts.russian, 'ru', key, values);
    }) as Translate<D>,
    [locale, english, texts],
  );
}
