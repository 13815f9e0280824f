// The words that several views of the timetable share.

import { addDays } from '../../shared/dates';
import { formatCountdown, formatDay, formatTime, localZone } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { useMe } from '../../shared/me';
import { countdownMs, type Item, noonOf, phaseOf } from './model';
import { timetableTexts } from './texts';

export function useWords() {
  const t = useTexts(timetableTexts);
  const locale = useLocale();
  const schoolZone = useMe()?.school.tz;
  const away = schoolZone !== undefined && schoolZone !== localZone();

  const times = (item: Item): string => `${formatTime(item.startMs, locale)}–${formatTime(item.endMs, locale)}`;

  /** The school's time in brackets for those who look from another zone. */
  const schoolTime = (item: Item): string | undefined => {
    const school = formatTime(item.startMs, locale, schoolZone);
    return away && school !== formatTime(item.startMs, locale) ? t('school_time', { time: school }) : undefined;
  };

  const dayName = (key: string, today: string): string => {
    if (key === today) return t('today');
    if (key === addDays(today, 1)) return t('tomorrow');
    if (key === addDays(today, -1)) return t('yesterday');
    return upperFirst(formatDay(noonOf(key), locale, 'UTC'));
  };

  /** What the clock says about it: "откроется через 1:32", "идёт 5:10". */
  const moment = (item: Item, now: number): string => {
    const countdown = countdownMs(item, now);
    if (countdown !== undefined) return t('opens_in', { time: formatCountdown(countdown) });
    const phase = phaseOf(item, now);
    if (phase === 'upcoming') return t('opens_at', { time: formatTime(item.opensMs, locale) });
    if (phase === 'opening') return t('opening');
    if (phase === 'joinable') {
      if (item.startMs > now) return t('starts_in', { time: formatCountdown(item.startMs - now) });
      if (item.state === 'live') return t('live_for', { time: formatCountdown(now - item.startMs) });
      return item.role === 'host' ? t('ends_at', { time: formatTime(item.endMs, locale) }) : t('waiting_host');
    }
    return outcome(item);
  };

  const outcome = (item: Item): string => {
    const state = t(`state_${item.state}`);
    const reason = item.not_held_reason;
    if (reason === 'no_host' || reason === 'no_audience' || reason === 'technical')
      return `${state}: ${t(`reason_${reason}`)}`;
    return state;
  };

  const whom = (item: Item): string => [item.class, item.group].filter(Boolean).join(', ');

  const about = (item: Item): string => [item.subject, item.class, item.group].filter(Boolean).join(', ');

  return { about, times, schoolTime, dayName, moment, outcome, whom };
}

function upperFirst(text: string): string {
  const first = [...text][0] ?? '';
  return first.toLocaleUpperCase() + text.slice(first.length);
}
