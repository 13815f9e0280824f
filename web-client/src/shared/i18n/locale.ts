// The interface language: Russian unless the person chose English on this device.

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
const listeners = new Set<() => void>();

export function currentLocale(): Locale {
  return current;
}

export function setLocale(locale: Locale): void {
  if (locale === current) return;
  current = locale;
  try {
    localStorage.setItem(KEY, locale);
  } catch {
    // A browser without storage forgets the choice; that is all.
  }
  if (typeof document !== 'undefined') document.documentElement.lang = locale;
  notifyLocale();
}

export function subscribeLocale(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Also called when a dictionary arrives, so that what was drawn in Russian meanwhile is drawn again. */
export function notifyLocale(): void {
  for (const listener of listeners) listener();
}
