// Figures as people read them, and the bars of the chart.
import type { Locale } from '../../shared/i18n/locale';
import type { Metric, Week } from './data';

const PLAIN = new Set(['first_response_p90', 'helpfulness', 'complaints']);
/** Figures of which less is better. */
const FEWER = new Set(['no_show_rate', 'late_cancel_rate', 'complaints', 'first_response_p90']);

export function shown(metric: Metric, locale: Locale): string | undefined {
  if (metric.value === undefined) return undefined;
  const language = locale === 'ru' ? 'ru-RU' : 'en-GB';
  if (PLAIN.has(metric.code)) return metric.value.toLocaleString(language, { maximumFractionDigits: 2 });
  return metric.value.toLocaleString(language, { style: 'percent', maximumFractionDigits: 1 });
}

export type Tone = 'good' | 'wait' | 'bad' | 'none';

/** Green from 90 % (or up to 5 % of what should not be), red below 70 % (above 15 %). */
export function toneOf(metric: Metric): Tone {
  if (metric.value === undefined || metric.code === 'first_response_p90') return 'none';
  if (metric.code === 'helpfulness') return metric.value >= 4 ? 'good' : metric.value >= 3 ? 'wait' : 'bad';
  const share = FEWER.has(metric.code) ? 1 - 2 * metric.value : metric.value;
  return share >= 0.9 ? 'good' : share >= 0.7 ? 'wait' : 'bad';
}

export type Bar = {
  monday: string;
  x: number;
  parts: { kind: keyof Omit<Week, 'monday'>; y: number; height: number }[];
};

const KINDS = ['held', 'not_held', 'cancelled', 'ahead'] as const;

/** Stacked bars in a box of this height; the highest week fills it. */
export function barsOf(weeks: Week[], height: number, step: number): Bar[] {
  const total = (week: Week) => KINDS.reduce((sum, kind) => sum + week[kind], 0);
  const most = Math.max(1, ...weeks.map(total));
  return weeks.map((week, at) => {
    let top = height;
    const parts = KINDS.filter((kind) => week[kind] > 0).map((kind) => {
      const tall = (week[kind] / most) * height;
      top -= tall;
      return { kind, y: top, height: tall };
    });
    return { monday: week.monday, x: at * step, parts };
  });
}
