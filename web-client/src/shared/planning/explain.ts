// A finding's numbers as a sentence. The code's own text is the headline; this says why here and now.
import { formatDate } from '../i18n/format';
import { useLocale, useTexts } from '../i18n/use-texts';
import type { Finding } from './api';
import { planningTexts } from './texts';

type LessonAt = { starts: string; ends: string; class: string; subject: string };
type PartDates = { title: string; starts_on: string; ends_on: string; completed_on: string | null };

const short = (time: unknown) => String(time).slice(0, 5);
const number = (value: unknown) => (typeof value === 'number' ? value : Number(value) || 0);

/** Noon of a day, so that no zone makes another day of it. */
export const noonOf = (day: string) => Date.parse(`${day}T12:00:00Z`);

export function useExplain(): (finding: Pick<Finding, 'code' | 'params' | 'order_no'>) => string[] {
  const t = useTexts(planningTexts);
  const locale = useLocale();
  const day = (key: string) => formatDate(noonOf(key), locale, 'UTC');
  return ({ code, params, order_no }) => {
    const lines: string[] = [];
    if (code === 'load_exceeded') {
      const period = params.period === 'month' || params.period === 'year' ? params.period : 'week';
      lines.push(
        t('why_load', {
          period: t(`period_${period}`),
          limit: number(params.limit_hours),
          planned: number(params.planned_hours),
          left: number(params.left_hours),
          wanted: number(params.wanted_hours),
        }),
      );
    }
    if (code === 'outside_working_hours') {
      const windows = Array.isArray(params.windows) ? (params.windows as [string, string][]) : [];
      if (params.absent) lines.push(t('why_absent'));
      else if (windows.length === 0) lines.push(t('why_no_windows'));
      else lines.push(t('why_windows', { windows: windows.map(([a, b]) => `${short(a)}–${short(b)}`).join(', ') }));
    }
    if (code === 'duration_over_cap')
      lines.push(t('why_cap', { minutes: number(params.minutes), cap: number(params.cap_minutes) }));
    if (code === 'daily_screen_cap') {
      const planned = number(params.planned_minutes);
      const sum = planned + number(params.wanted_minutes);
      lines.push(t('why_daily', { planned, sum, cap: number(params.cap_minutes) }));
    }
    if (code === 'after_hours')
      lines.push(t('why_times', { earliest: short(params.earliest), latest: short(params.latest) }));
    if (Array.isArray(params.parts)) {
      for (const part of params.parts as PartDates[]) {
        const values = { title: part.title, from: day(part.starts_on), to: day(part.ends_on) };
        if (code === 'prep_before_part_end' && !part.completed_on) lines.push(t('why_part_open', values));
        else if (part.completed_on) lines.push(t('why_part_done', { title: part.title, done: day(part.completed_on) }));
        else lines.push(t('why_part', values));
      }
    }
    if (Array.isArray(params.unknown)) lines.push(t('why_unknown', { unknown: params.unknown.join(', ') }));
    if (Array.isArray(params.sources)) {
      const whys = new Set((params.sources as { why: string }[]).map(({ why }) => why));
      if (whys.has('unknown')) lines.push(t('why_source_unknown'));
      if (whys.has('other')) lines.push(t('why_source_other'));
      if (whys.has('not_open')) lines.push(t('why_source_not_open'));
    }
    if (Array.isArray(params.ids) && params.ids.length > 0) lines.push(t('why_conflict', { count: params.ids.length }));
    if (Array.isArray(params.lessons)) {
      for (const lesson of params.lessons as LessonAt[]) {
        const what = [lesson.subject, lesson.class].filter(Boolean).join(', ') || '—';
        lines.push(t('why_lesson', { what, from: short(lesson.starts), to: short(lesson.ends) }));
      }
    }
    if (order_no) lines.push(t('why_order', { order: order_no }));
    return lines;
  };
}
