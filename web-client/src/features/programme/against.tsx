// What an edit of a part does to planned dates, before it is saved: those that will stand against a rule, by reason.
import { formatShortDay, formatTime } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { useMe } from '../../shared/me';
import type { AgainstDate, PartEdited } from '../../shared/planning/api';
import { FindingView, styles } from '../../shared/planning/kit';
import { Notice } from '../../shared/ui/notice';
import { programmeTexts } from './texts';

/** Lines of one reason; the rest is counted. */
const MOST_LINES = 12;

/** Dates by the code of their first finding. */
export function byReason(dates: AgainstDate[]): AgainstDate[][] {
  const groups = new Map<string, AgainstDate[]>();
  for (const one of dates) {
    const code = one.findings[0]?.code ?? '';
    groups.set(code, [...(groups.get(code) ?? []), one]);
  }
  return [...groups.values()];
}

export function Against({ edited }: { edited: PartEdited | undefined }) {
  const t = useTexts(programmeTexts);
  const locale = useLocale();
  const zone = useMe()?.school.tz;
  if (!edited) return <p className={styles.soft}>{t('against_checking')}</p>;
  const at = (time: string) =>
    `${formatShortDay(Date.parse(time), locale, zone)}, ${formatTime(Date.parse(time), locale, zone)}`;
  return (
    <div role="status" className={styles.form}>
      {edited.cleared > 0 && <Notice tone="good">{t('against_cleared', { count: edited.cleared })}</Notice>}
      {edited.against_count === 0 && edited.cleared === 0 && <p className={styles.soft}>{t('against_none')}</p>}
      {edited.against_count > 0 && (
        <>
          <Notice tone="error">{t('against_note', { count: edited.against_count })}</Notice>
          {byReason(edited.against).map((dates) => (
            <div key={dates[0]?.id}>
              {dates[0]?.findings[0] && <FindingView finding={{ ...dates[0].findings[0], refused: true }} />}
              <ul className={styles.list}>
                {dates.slice(0, MOST_LINES).map((one) => (
                  <li key={one.id} className={styles.date}>
                    <div className={styles.dateTop}>{[one.title, one.class].filter(Boolean).join(', ')}</div>
                    <div className={styles.soft}>
                      {at(one.start)} · {one.host}
                    </div>
                  </li>
                ))}
              </ul>
              {dates.length > MOST_LINES && (
                <p className={styles.soft}>{t('against_more', { count: dates.length - MOST_LINES })}</p>
              )}
            </div>
          ))}
        </>
      )}
    </div>
  );
}
