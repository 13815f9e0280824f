// Subjects of classes in which no consultation was held for so many weeks.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { refusalOf } from '../../shared/errors';
import { useTexts } from '../../shared/i18n/use-texts';
import { Notice } from '../../shared/ui/notice';
import { reachable } from '../../shared/ui/reachable';
import { RefusalAlert } from '../../shared/ui/refusal';
import sheet from '../../shared/ui/sheet.module.css';
import { fetchGaps } from './data';
import { reportTexts } from './texts';

const WEEKS = [1, 2, 4, 8, 12];

export function GapTable() {
  const t = useTexts(reportTexts);
  const [weeks, setWeeks] = useState(4);
  const gaps = useQuery({
    queryKey: ['report-gaps', weeks],
    queryFn: () => fetchGaps(weeks),
    placeholderData: keepPreviousData,
  });
  const rows = gaps.data?.rows ?? [];
  const day = (iso: string) => iso.split('-').reverse().join('.');
  return (
    <section className={sheet.card}>
      <h2>{t('gaps')}</h2>
      <label className={sheet.field}>
        {t('gaps_weeks')}
        <select value={weeks} onChange={(event) => setWeeks(Number(event.target.value))}>
          {WEEKS.map((count) => (
            <option key={count} value={count}>
              {count}
            </option>
          ))}
        </select>
      </label>
      {gaps.isError && <RefusalAlert refusal={refusalOf(gaps.error)} />}
      {gaps.data && rows.length === 0 && <Notice tone="good">{t('gaps_none')}</Notice>}
      {gaps.data && rows.length > 0 && (
        <>
          <p className={sheet.soft}>{t('gaps_note', { count: rows.length, places: gaps.data.places })}</p>
          <div className={sheet.scroll} {...reachable}>
            <table className={sheet.table}>
              <thead>
                <tr>
                  {(['subject', 'class', 'gap_last', 'gap_next'] as const).map((key) => (
                    <th key={key} scope="col">
                      {t(key)}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.map((row) => (
                  <tr key={`${row.subject}|${row.class}`}>
                    <td>{row.subject}</td>
                    <td>{row.class}</td>
                    <td>{row.last_held ? day(row.last_held) : t('gap_never')}</td>
                    <td>
                      {row.next ? (
                        day(row.next)
                      ) : (
                        <span className={sheet.tag} data-tone="bad">
                          {t('gap_not_planned')}
                        </span>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </section>
  );
}
