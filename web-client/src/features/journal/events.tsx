// Rows of the journal as a table; on a phone as cards.
import { commonTexts } from '../../shared/i18n/common';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { styles } from '../../shared/planning/kit';
import type { JournalEvent } from './data';
import { journalTexts } from './texts';
import { wordOf } from './words';

/** Day, year and minute: rows are years old too. */
export function useMoment(): (at: string) => string {
  const locale = useLocale();
  const format = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
  return (at) => format.format(Date.parse(at));
}

export function Events({ events }: { events: JournalEvent[] }) {
  const t = useTexts(journalTexts);
  const tc = useTexts(commonTexts);
  const moment = useMoment();
  const called = (action: string) => {
    const word = wordOf(action);
    return word ? t(word) : action;
  };
  return (
    <table className={`${styles.table} ${styles.cards}`}>
      <thead>
        <tr>
          <th scope="col">{t('when')}</th>
          <th scope="col">{t('who')}</th>
          <th scope="col">{t('what')}</th>
          <th scope="col">{t('about')}</th>
        </tr>
      </thead>
      <tbody>
        {events.map((event) => (
          <tr key={event.seq}>
            <td data-label={t('when')}>{moment(event.at)}</td>
            <td data-label={t('who')}>
              <span>
                {event.actor ?? t('hub')}
                {event.role && <span className={styles.soft}> ({tc(`role_${event.role}`)})</span>}
              </span>
            </td>
            <td data-label={t('what')}>{called(event.action)}</td>
            <td data-label={t('about')} style={{ overflowWrap: 'anywhere' }}>
              <div style={{ minWidth: 0 }}>
                {event.object && <div>{event.object}</div>}
                {event.reason && <div>{t('reason', { reason: event.reason })}</div>}
                <details>
                  <summary className={styles.soft}>{t('more')}</summary>
                  <p className={styles.soft} style={{ margin: '4px 0 0' }}>
                    {event.seq} · {event.action} · {event.object_kind} {event.object_id}
                    {event.detail != null && ` · ${JSON.stringify(event.detail)}`}
                    {event.from && ` · ${t(`from_${event.from}`)}`}
                    <br />
                    <code>{event.hash}</code>
                  </p>
                </details>
              </div>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
