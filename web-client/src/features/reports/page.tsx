// The report of clause 4.1: figures with the rows behind them, weeks, hosts, topics, and who was helped.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { serverNow } from '../../shared/clock';
import { refusalOf } from '../../shared/errors';
import { dayKey } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { Notice } from '../../shared/ui/notice';
import { reachable } from '../../shared/ui/reachable';
import { RefusalAlert } from '../../shared/ui/refusal';
import sheet from '../../shared/ui/sheet.module.css';
import { useTitle } from '../../shared/ui/use-title';
import { type Asked, fetchReport, type Metric, queryOf, type Report, type Week } from './data';
import { GapTable } from './gaps';
import { IncidentTable } from './incidents';
import { barsOf, shown, toneOf } from './model';
import styles from './reports.module.css';
import { MetricRows } from './rows';
import { CoverageTable, StudentTable } from './tables';
import { reportTexts } from './texts';

const DAY_MS = 86_400_000;

export default function ReportsPage() {
  const t = useTexts(reportTexts);
  useTitle(t('title'));
  const [asked, setAsked] = useState<Asked>(() => ({
    from: dayKey(serverNow() - 30 * DAY_MS),
    to: dayKey(serverNow() + 7 * DAY_MS),
  }));
  const [metric, setMetric] = useState<string>();
  const report = useQuery({
    queryKey: ['report', asked],
    queryFn: () => fetchReport(asked),
    placeholderData: keepPreviousData,
  });
  const data = report.data;
  return (
    <>
      <div className={sheet.top}>
        <div>
          <h1 className={sheet.heading}>{t('title')}</h1>
          {data && <p className={sheet.soft}>{t(`range_${data.range}`)}</p>}
        </div>
        <div className={sheet.row}>
          <a className={sheet.button} href={`/api/v1/reports/evidence.xlsx${queryOf(asked)}`} download>
            {t('xlsx')}
          </a>
          <a
            className={sheet.button}
            href={`/api/v1/reports/evidence.html${queryOf(asked)}`}
            target="_blank"
            rel="noreferrer"
          >
            {t('print')}
          </a>
        </div>
      </div>
      <Filters asked={asked} onChange={setAsked} report={data} />
      {report.isError && <RefusalAlert refusal={refusalOf(report.error)} />}
      {data && data.weeks.length === 0 && <Notice tone="info">{t('empty')}</Notice>}
      {data && (
        <>
          <section className={sheet.card}>
            <h2>{t('figures')}</h2>
            <p className={sheet.soft}>{t('figures_note')}</p>
            <div className={styles.figures}>
              {data.metrics.map((one) => (
                <Figure
                  key={one.code}
                  metric={one}
                  chosen={metric === one.code}
                  onChoose={() => setMetric(metric === one.code ? undefined : one.code)}
                />
              ))}
            </div>
          </section>
          {metric && <MetricRows asked={asked} metric={metric} onClose={() => setMetric(undefined)} />}
          {data.weeks.length > 0 && <Weeks weeks={data.weeks} />}
          {data.hosts.length > 0 && <Hosts report={data} />}
          {data.incidents.length > 0 && <IncidentTable incidents={data.incidents} />}
          <GapTable />
          <CoverageTable asked={asked} />
          <StudentTable asked={asked} />
          <p className={sheet.mono}>{t('seal', { seq: data.audit.seq, hash: data.audit.hash })}</p>
        </>
      )}
    </>
  );
}

function Filters(props: { asked: Asked; onChange: (asked: Asked) => void; report: Report | undefined }) {
  const t = useTexts(reportTexts);
  const { asked, onChange, report } = props;
  const choice = (key: 'host' | 'class' | 'subject' | 'purpose', options: { value: string; text: string }[]) => (
    <label className={sheet.field} key={key}>
      {t(key)}
      <select value={asked[key] ?? ''} onChange={(event) => onChange({ ...asked, [key]: event.target.value })}>
        <option value="">{t('all')}</option>
        {options.map(({ value, text }) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
  const plain = (list: string[]) => list.map((value) => ({ value, text: value }));
  const choices = report?.choices;
  return (
    <div className={sheet.card}>
      <div className={sheet.row}>
        {(['from', 'to'] as const).map((end) => (
          <label key={end} className={sheet.field}>
            {t(end)}
            <input
              type="date"
              value={asked[end]}
              onChange={(event) => event.target.value && onChange({ ...asked, [end]: event.target.value })}
            />
          </label>
        ))}
        {choices &&
          choices.hosts.length > 1 &&
          choice(
            'host',
            choices.hosts.map(({ id, name }) => ({ value: id, text: name })),
          )}
        {choices && choice('class', plain(choices.classes))}
        {choices && choice('subject', plain(choices.subjects))}
        {choices &&
          choices.purposes.length > 0 &&
          choice(
            'purpose',
            choices.purposes.map((value) => ({ value, text: t(`purpose_${value}` as 'purpose_difficulty') })),
          )}
      </div>
    </div>
  );
}

function Figure({ metric, chosen, onChoose }: { metric: Metric; chosen: boolean; onChoose: () => void }) {
  const t = useTexts(reportTexts);
  const locale = useLocale();
  const value = shown(metric, locale);
  const number = (n: number) => n.toLocaleString(locale === 'ru' ? 'ru-RU' : 'en-GB', { maximumFractionDigits: 1 });
  return (
    <button
      type="button"
      className={styles.figure}
      data-tone={toneOf(metric)}
      aria-pressed={chosen}
      disabled={metric.is_hidden}
      onClick={onChoose}
    >
      <span className={styles.name}>{t(`metric_${metric.code}` as 'metric_lawful')}</span>
      <span className={styles.value} data-none={value === undefined || undefined}>
        {value ?? (metric.is_hidden ? t('hidden') : t('no_data'))}
      </span>
      {value !== undefined && metric.code !== 'first_response_p90' && (
        <span className={styles.share}>
          {t(metric.code === 'helpfulness' ? 'points' : 'of', {
            above: number(metric.above),
            below: number(metric.below),
          })}
        </span>
      )}
    </button>
  );
}

const KINDS = ['held', 'not_held', 'cancelled', 'ahead'] as const;

function Weeks({ weeks }: { weeks: Week[] }) {
  const t = useTexts(reportTexts);
  const step = 100 / Math.max(weeks.length, 4);
  const bars = barsOf(weeks, 100, step);
  return (
    <section className={sheet.card}>
      <h2>{t('weeks')}</h2>
      <svg className={styles.chart} viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
        {bars.map((bar) =>
          bar.parts.map((part) => (
            <rect
              key={`${bar.monday}${part.kind}`}
              className={styles[part.kind]}
              x={bar.x + step * 0.12}
              y={part.y}
              width={step * 0.76}
              height={part.height}
            />
          )),
        )}
      </svg>
      <div className={styles.legend} aria-hidden="true">
        {KINDS.map((kind) => (
          <span key={kind}>
            <svg width="12" height="12" aria-hidden="true">
              <rect width="12" height="12" rx="3" className={styles[kind]} />
            </svg>
            {t(kind)}
          </span>
        ))}
      </div>
      <div className={sheet.scroll} {...reachable}>
        <table className={sheet.table}>
          <thead>
            <tr>
              <th scope="col">{t('week')}</th>
              {KINDS.map((kind) => (
                <th key={kind} scope="col" data-number>
                  {t(kind)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {weeks.map((week) => (
              <tr key={week.monday}>
                <th scope="row">{week.monday.split('-').reverse().join('.')}</th>
                {KINDS.map((kind) => (
                  <td key={kind} data-number>
                    {week[kind]}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Hosts({ report }: { report: Report }) {
  const t = useTexts(reportTexts);
  const locale = useLocale();
  const language = locale === 'ru' ? 'ru-RU' : 'en-GB';
  const hours = (hundredths: number) => (hundredths / 100).toLocaleString(language, { maximumFractionDigits: 2 });
  return (
    <section className={sheet.card}>
      <h2>{t('hosts')}</h2>
      <div className={sheet.scroll} {...reachable}>
        <table className={sheet.table}>
          <thead>
            <tr>
              <th scope="col">{t('host')}</th>
              {(['planned', 'held', 'no_host', 'technical', 'late', 'hours', 'attendance_short'] as const).map(
                (key) => (
                  <th key={key} scope="col" data-number>
                    {t(key)}
                  </th>
                ),
              )}
            </tr>
          </thead>
          <tbody>
            {report.hosts.map((host) => (
              <tr key={host.id}>
                <th scope="row">{host.name}</th>
                {(['planned', 'held', 'no_host', 'technical', 'late'] as const).map((key) => (
                  <td key={key} data-number>
                    {host[key]}
                  </td>
                ))}
                <td data-number>
                  {hours(host.hours_held)} / {hours(host.hours_planned)}
                </td>
                <td data-number>
                  {host.attendance?.toLocaleString(language, { style: 'percent', maximumFractionDigits: 0 }) ?? '—'}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
