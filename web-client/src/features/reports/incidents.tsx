// Technical failures: what broke off consultations, told apart from hosts who did not come.
import { formatShortDay, formatTime } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { reachable } from '../../shared/ui/reachable';
import sheet from '../../shared/ui/sheet.module.css';
import type { Incident } from './data';
import { reportTexts } from './texts';

export function IncidentTable({ incidents }: { incidents: Incident[] }) {
  const t = useTexts(reportTexts);
  const locale = useLocale();
  return (
    <section className={sheet.card}>
      <h2>{t('incidents')}</h2>
      <p className={sheet.soft}>{t('incidents_note')}</p>
      <div className={sheet.scroll} {...reachable}>
        <table className={sheet.table}>
          <thead>
            <tr>
              {(['when', 'what', 'class', 'host', 'incident', 'said', 'by'] as const).map((key) => (
                <th key={key} scope="col">
                  {t(key)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {incidents.map((one) => {
              const at = Date.parse(one.at);
              return (
                <tr key={one.consultation}>
                  <td>
                    {formatShortDay(at, locale)}, {formatTime(at, locale)}
                  </td>
                  <td>{one.title}</td>
                  <td>{one.class}</td>
                  <td>{one.host}</td>
                  <td>{t(`code_${one.kind}`)}</td>
                  <td>{one.reason}</td>
                  <td>{one.by || t('by_clock')}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}
