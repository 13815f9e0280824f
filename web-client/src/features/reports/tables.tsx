// Topics by consultations, and who was helped and who never came.
import { useQuery } from '@tanstack/react-query';
import { refusalOf } from '../../shared/errors';
import { useTexts } from '../../shared/i18n/use-texts';
import { reachable } from '../../shared/ui/reachable';
import { RefusalAlert } from '../../shared/ui/refusal';
import sheet from '../../shared/ui/sheet.module.css';
import { type Asked, fetchCoverage, fetchStudents } from './data';
import { reportTexts } from './texts';

export function CoverageTable({ asked }: { asked: Asked }) {
  const t = useTexts(reportTexts);
  const coverage = useQuery({ queryKey: ['coverage', asked], queryFn: () => fetchCoverage(asked) });
  const rows = coverage.data?.rows ?? [];
  if (coverage.data && rows.length === 0) return null;
  return (
    <section className={sheet.card}>
      <h2>{t('coverage')}</h2>
      <p className={sheet.soft}>{t('coverage_note')}</p>
      {coverage.isError && <RefusalAlert refusal={refusalOf(coverage.error)} />}
      <div className={sheet.scroll} {...reachable}>
        <table className={sheet.table}>
          <thead>
            <tr>
              <th scope="col">{t('subject')}</th>
              <th scope="col">{t('class')}</th>
              <th scope="col">{t('topic')}</th>
              <th scope="col" data-number>
                {t('held')}
              </th>
              <th scope="col" data-number>
                {t('ahead')}
              </th>
              <th scope="col" data-number>
                {t('requests')}
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.subject}|${row.class}|${row.topic}`}>
                <td>{row.subject}</td>
                <td>{row.class}</td>
                <td>
                  {row.topic}{' '}
                  {row.held.length === 0 && row.requests > 0 && (
                    <span className={sheet.tag} data-tone="bad">
                      {t('uncovered')}
                    </span>
                  )}
                </td>
                <td data-number>{row.held.length}</td>
                <td data-number>{row.ahead.length}</td>
                <td data-number>{row.requests}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

export function StudentTable({ asked }: { asked: Asked }) {
  const t = useTexts(reportTexts);
  const students = useQuery({ queryKey: ['report-students', asked], queryFn: () => fetchStudents(asked) });
  const rows = students.data?.rows ?? [];
  if (!students.data || rows.length === 0) return null;
  return (
    <section className={sheet.card}>
      <h2>{t('students')}</h2>
      <p className={sheet.soft}>{t('students_note', { came: students.data.came, never: students.data.never_came })}</p>
      <p className={sheet.soft}>
        {t('students_asked', { helped: students.data.helped, missed: students.data.missed })}
      </p>
      <div className={sheet.scroll} {...reachable}>
        <table className={sheet.table}>
          <thead>
            <tr>
              <th scope="col">{t('student')}</th>
              <th scope="col">{t('class')}</th>
              {(['invited', 'came', 'minutes', 'requests', 'helped', 'missed'] as const).map((key) => (
                <th key={key} scope="col" data-number>
                  {t(key)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.id}>
                <th scope="row">{row.name}</th>
                <td>{row.class}</td>
                <td data-number>{row.invited}</td>
                <td data-number>
                  {row.never_came ? (
                    <span className={sheet.tag} data-tone="wait">
                      {t('never')}
                    </span>
                  ) : (
                    row.came
                  )}
                </td>
                <td data-number>{row.minutes}</td>
                <td data-number>{row.requests}</td>
                <td data-number>{row.helped}</td>
                <td data-number>{row.missed}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
