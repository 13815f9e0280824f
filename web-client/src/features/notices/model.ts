// A notice in words: the key of its text and what fills it.
import { formatShortDay, formatTime } from '../../shared/i18n/format';
import type { Locale } from '../../shared/i18n/locale';
import type { NoticeBody } from './data';
import type { noticeTexts } from './texts';

export type NoticeWhy = Extract<keyof typeof noticeTexts.russian, `why_${string}`>;
export type NoticeKey = Extract<keyof typeof noticeTexts.russian, `kind_${string}`>;

/** The key of a reason that is a code of the hub, not somebody's words. */
export function whyOf(reason: string, known: object): NoticeWhy | undefined {
  const key = `why_${reason}`;
  return key in known ? (key as NoticeWhy) : undefined;
}

/** What the detail line says; empty parts fall away. `why` puts a reason into words. */
export function detailOf(
  notice: NoticeBody,
  locale: Locale,
  why: (reason: string) => string = (reason) => reason,
): string {
  const when = (ms: number) => `${formatShortDay(ms, locale)}, ${formatTime(ms, locale)}`;
  const parts = [
    notice.lesson && `${notice.lesson.title} · ${when(notice.lesson.start_ms)}`,
    !notice.lesson && (notice.subject ?? notice.title),
    notice.was_ms !== undefined && `← ${when(notice.was_ms)}`,
    notice.by,
    notice.order_no && `№ ${notice.order_no}`,
    notice.act_no && `№ ${notice.act_no}`,
    notice.from && (notice.from === notice.to ? notice.from : `${notice.from} – ${notice.to}`),
    notice.reason && why(notice.reason),
    notice.said,
  ];
  return parts.filter(Boolean).join(' · ');
}

/** The key of a kind's text; a kind that this page does not know yet has a text of its own. */
export function keyOf(kind: string, known: object): NoticeKey {
  const key = `kind_${kind}`;
  return (key in known ? key : 'kind_other') as NoticeKey;
}
