// The rows behind a figure.
import { useQuery } from '@tanstack/react-query';
import { refusalOf } from '../../shared/errors';
import { formatShortDay, formatTime } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { Notice } from '../../shared/ui/notice';
import { reachable } from '../../shared/ui/reachable';
import { RefusalAlert } from '../../shared/ui/refusal';
import sheet from '../../shared/ui/sheet.module.css';
import { type Asked, fetchRows, type Row } from './data';
import styles from './reports.module.css';
import { reportTexts } from './texts';

export function MetricRows({ asked, metric, onClose }: { asked: Asked; metric: string; onClose: () => void }) {
  const t = useTexts(reportTexts);
  const rows = useQuery({ queryKey: ['report-rows', asked, metric], queryFn: () => fetchRows(asked, metric) });
  return (
    <section className={sheet.card} aria-live="polite">
      <div className={sheet.top}>
        <h2>{t('rows', { name: t(`metric_${metric}` as 'metric_lawful') })}</h2>
        <button type="button" className={sheet.button} onClick={onClose}>
          {t('close')}
        </button>
      </div>
      {rows.isError && <RefusalAlert refusal={refusalOf(rows.error)} />}
      {rows.data?.rows.length === 0 && <Notice tone="info">{t('rows_none')}</Notice>}
      {rows.data && rows.data.rows.length > 0 && <Table rows={rows.data.rows} />}
      {rows.data && rows.data.left_out > 0 && (
        <p className={sheet.soft}>{t('rows_left', { count: rows.data.left_out })}</p>
      )}
    </section>
  );
}

function Table({ rows }: { rows: Row[] }) {
  const t = useTexts(reportTexts);
  const locale = useLocale();
  const language = locale === 'ru' ? 'ru-RU' : 'en-GB';
  // A code of a newer hub is shown as it is.
  const word = (kind: 'state' | 'code', code: string) => {
    const key = `${kind}_${code}`;
    return key in reportTexts.russian ? t(key as 'state_held') : code;
  };
  const stateOf = (row: Row) => word('state', row.state.split(': ').at(-1) ?? row.state);
  const hasMore = rows.some((row) => row.behind.length > 0);
  return (
    <div className={sheet.scroll} {...reachable}>
      <table className={sheet.table}>
        <thead>
          <tr>
            <th scope="col">{t('when')}</th>
            <th scope="col">{t('what')}</th>
            <th scope="col">{t('class')}</th>
            <th scope="col">{t('host')}</th>
            <th scope="col">{t('state')}</th>
            <th scope="col" data-number>
              {t('delay')}
            </th>
            <th scope="col">{t('violations')}</th>
            {hasMore && <th scope="col">{t('behind')}</th>}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const at = Date.parse(row.at);
            return (
              <tr key={`${row.kind}${row.id}`}>
                <td>
                  {formatShortDay(at, locale)}, {formatTime(at, locale)}
                </td>
                <td>{row.title}</td>
                <td>{row.class}</td>
                <td>{row.host}</td>
                <td>
                  {stateOf(row)} {row.is_corrected && <span className={sheet.tag}>{t('corrected')}</span>}
                </td>
                <td data-number>{row.host_delay_s ?? ''}</td>
                <td>{row.violations.map((code) => word('code', code)).join(', ')}</td>
                {hasMore && (
                  <td>
                    {row.behind.length > 0 && (
                      <ul className={styles.behind}>
                        {row.behind.map((one) => (
                          <li key={`${one.name}${one.code}`}>
                            {one.name && `${one.name}: `}
                            {word('code', one.code)}
                            {one.said && ` — ${one.said}`}
                            {one.value !== undefined &&
                              ` ${one.value.toLocaleString(language, { maximumFractionDigits: 1 })}`}
                          </li>
                        ))}
                      </ul>
                    )}
                  </td>
                )}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
