// The interface language: Russian unless the person chose English on this device.
import { loadEnglish } from './texts';

export type Locale = 'ru' | 'en';
export const LOCALES: readonly Locale[] = ['ru', 'en'];
const KEY = 'kafedra.locale';

function stored(): Locale {
  try {
    return localStorage.getItem(KEY) === 'en' ? 'en' : 'ru';
  } catch {
    return 'ru';
  }
}

let current: Locale = stored();
let wanted = current;
const listeners = new Set<() => void>();

export function currentLocale(): Locale {
  return current;
}

/** English first arrives, then is switched to: the page changes at once. */
export async function setLocale(locale: Locale): Promise<void> {
  wanted = locale;
  if (locale === 'en') await loadEnglish();
  // Meanwhile another one may have been chosen.
  if (locale !== wanted || locale === current) return;
  current = locale;
  try {
    localStorage.setItem(KEY, locale);
  } catch {
    // A browser without storage forgets the choice; that is all.
  }
  if (typeof document !== 'undefined') document.documentElement.lang = locale;
  for (const listener of listeners) listener();
}

export function subscribeLocale(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
