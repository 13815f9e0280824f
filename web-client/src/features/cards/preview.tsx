// What students will see of a card: its dates as they would stand in the timetable, and what keeps single dates out.
import { formatShortDay, formatTime } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { useMe } from '../../shared/me';
import type { CardBody, CardOptions, CheckedDate } from '../../shared/planning/api';
import { noonOf } from '../../shared/planning/explain';
import { FindingView, type OrderFor, Panel, styles } from '../../shared/planning/kit';
import { planningTexts } from '../../shared/planning/texts';
import { Notice } from '../../shared/ui/notice';
import { refusedCount, slotNumber } from './model';
import { cardTexts } from './texts';

type Props = {
  body: CardBody;
  options: CardOptions;
  dates: CheckedDate[] | undefined;
  onOrder: (order: OrderFor) => void;
};

export function Preview({ body, options, dates, onOrder }: Props) {
  const t = useTexts(cardTexts);
  const tp = useTexts(planningTexts);
  const locale = useLocale();
  const zone = useMe()?.school.tz;
  if (!dates) {
    return (
      <Panel title={t('preview')}>
        <p className={styles.soft}>{t('preview_none')}</p>
      </Panel>
    );
  }
  const refused = refusedCount(dates);
  const host = (id: string | undefined) => options.hosts.find((one) => one.id === id)?.name ?? '';
  return (
    <Panel
      title={t('preview')}
      tools={<span className={styles.soft}>{t('checked_dates', { count: dates.length })}</span>}
    >
      {dates.length === 0 && <Notice tone="wait">{t('checked_none')}</Notice>}
      {dates.length > 0 && refused === 0 && <Notice tone="good">{t('checked_ok')}</Notice>}
      {refused > 0 && (
        <Notice tone="error" alert>
          {t('checked_refused', { count: refused })}
        </Notice>
      )}
      <ul className={styles.list}>
        {dates.map((date) => {
          const n = slotNumber(body, date.slot_key);
          const slot = body.content.slots[n - 1];
          return (
            <li key={`${date.slot_key} ${date.date}`} className={styles.date}>
              <div className={styles.dateTop}>
                {date.date && formatShortDay(noonOf(date.date), locale, 'UTC')}
                {date.start && date.end && (
                  <span>
                    {formatTime(Date.parse(date.start), locale, zone)}–{formatTime(Date.parse(date.end), locale, zone)}
                  </span>
                )}
                {slot && <span className={styles.badge}>{tp(`form_${slot.form}`)}</span>}
              </div>
              {slot && (
                <div className={styles.soft}>
                  {[slot.topics.join(', ') || slot.parts.join(', '), host(slot.host)].filter(Boolean).join(' · ')}
                </div>
              )}
              {date.findings.map((finding) => (
                <FindingView
                  key={finding.code}
                  finding={finding}
                  onOrder={
                    // Before it is saved a date has no name that an order could hold on to.
                    date.id && slot && !date.slot_key.startsWith('?#')
                      ? () => onOrder({ consultation: date.id ?? '', code: finding.code, host: slot.host })
                      : undefined
                  }
                />
              ))}
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}
