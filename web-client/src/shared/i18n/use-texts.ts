import { useCallback, useSyncExternalStore } from 'react';
import { currentLocale, type Locale, subscribeLocale } from './locale';
import { type Dictionary, type Texts, type Translate, translate } from './texts';

export function useLocale(): Locale {
  return useSyncExternalStore(subscribeLocale, currentLocale, currentLocale);
}

/**
 * The translate function of these texts in the current language. A page that has not brought its English yet waits for
 * it, like for its code; Russian is drawn in its place only where it cannot be loaded.
 */
export function useTexts<D extends Dictionary>(texts: Texts<D>): Translate<D> {
  const locale = useLocale();
  // Thrown rather than given to `use`, which breaks the hooks after it when it is not called again.
  if (locale === 'en' && texts.english === undefined) throw texts.load();
  const english = locale === 'en' && texts.english;
  return useCallback(
    ((key: string, values?: Record<string, string | number>) =>
      english
        ? translate(english as Dictionary, 'en', key, values)
        : translate(texts.russian, 'ru', key, values)) as Translate<D>,
    [english, texts],
  );
}
