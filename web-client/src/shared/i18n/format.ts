// Dates, times and durations as people of the chosen language write them.
import type { Locale } from './locale';

const formats = new Map<string, Intl.DateTimeFormat>();

function formatter(locale: Locale, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale} ${JSON.stringify(options)}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(locale === 'ru' ? 'ru-RU' : 'en-GB', options);
    formats.set(key, format);
  }
  return format;
}

export function localZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

export function formatTime(ms: number, locale: Locale, timeZone?: string): string {
  return formatter(locale, { hour: '2-digit', minute: '2-digit', timeZone }).format(ms);
}

export function formatDay(ms: number, locale: Locale, timeZone?: string): string {
  return formatter(locale, { weekday: 'long', day: 'numeric', month: 'long', timeZone }).format(ms);
}

export function formatShortDay(ms: number, locale: Locale, timeZone?: string): string {
  return formatter(locale, { weekday: 'short', day: 'numeric', month: 'short', timeZone }).format(ms);
}

export function formatDate(ms: number, locale: Locale, timeZone?: string): string {
  return formatter(locale, { day: 'numeric', month: 'long', timeZone }).format(ms);
}

/** `2026-11-22` of the instant in the zone: the key of a day. */
export function dayKey(ms: number, timeZone?: string): string {
  const parts = formatter('en', { year: 'numeric', month: '2-digit', day: '2-digit', timeZone }).formatToParts(ms);
  const part = (type: string) => parts.find((item) => item.type === type)?.value ?? '';
  return `${part('year')}-${part('month')}-${part('day')}`;
}

/** `1:32`, `12:05`, `2:07:40`: never negative, the last second is shown as 0:01. */
export function formatCountdown(ms: number): string {
  const total = Math.max(0, Math.ceil(ms / 1000));
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  const seconds = String(total % 60).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${seconds}` : `${minutes}:${seconds}`;
}

/** Whole minutes between two instants as words: "1 ч 05 мин", "25 мин", "40 с". */
export function formatDuration(ms: number, locale: Locale): string {
  const units = locale === 'ru' ? { h: 'ч', m: 'мин', s: 'с' } : { h: 'h', m: 'min', s: 's' };
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} ${units.s}`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} ${units.m}`;
  const rest = minutes % 60;
  return rest === 0
    ? `${Math.floor(minutes / 60)} ${units.h}`
    : `${Math.floor(minutes / 60)} ${units.h} ${rest} ${units.m}`;
}
