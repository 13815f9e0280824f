// Files in and out. Each file is checked first: mistakes by cell, or what would change; then it is brought in.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useId, useState } from 'react';
import { refusalOf } from '../../shared/errors';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { useMe } from '../../shared/me';
import { Notice } from '../../shared/ui/notice';
import { reachable } from '../../shared/ui/reachable';
import { RefusalAlert } from '../../shared/ui/refusal';
import sheet from '../../shared/ui/sheet.module.css';
import { useTitle } from '../../shared/ui/use-title';
import {
  type AscReport,
  type CardsReport,
  type CellNote,
  Rejected,
  type RosterChange,
  type RosterReport,
  sendAsc,
  sendCards,
  sendRoster,
} from './data';
import { importTexts } from './texts';

export default function ImportsPage() {
  const t = useTexts(importTexts);
  const me = useMe();
  useTitle(t('title'));
  const may = (action: string) => me?.actions?.includes(action) ?? false;
  return (
    <>
      <div className={sheet.top}>
        <h1 className={sheet.heading}>{t('title')}</h1>
      </div>
      {may('import.cards') && (
        <Upload
          title={t('cards')}
          note={t('cards_note')}
          accept=".csv,.xlsx"
          send={sendCards}
          isUnchanged={(report) => report.created + report.updated === 0}
          show={(report) => <Cards report={report} />}
        >
          <a className={sheet.button} href="/api/v1/lesson-cards/export?format=xlsx" download>
            {t('download_cards_xlsx')}
          </a>
          <a className={sheet.button} href="/api/v1/lesson-cards/export?format=csv" download>
            {t('download_cards_csv')}
          </a>
        </Upload>
      )}
      {may('import.roster') && (
        <Upload
          title={t('roster')}
          note={t('roster_note')}
          accept=".zip"
          send={sendRoster}
          isUnchanged={isSame}
          show={(report) => <Roster report={report} />}
        >
          <a className={sheet.button} href="/api/v1/roster/export" download>
            {t('download_roster')}
          </a>
        </Upload>
      )}
      {may('bells.manage') && (
        <Upload
          title={t('asc')}
          note={t('asc_note')}
          accept=".xml"
          send={sendAsc}
          isUnchanged={(report) => report.lessons === 0 && !report.bells_changed}
          show={(report) => <Asc report={report} />}
        >
          <a className={sheet.button} href="/api/v1/timetable/export" download>
            {t('download_asc')}
          </a>
        </Upload>
      )}
    </>
  );
}

const TONES: Partial<Record<RosterChange, string>> = {
  left: 'bad',
  unit_removed: 'bad',
  head_no_more: 'bad',
  updated: 'wait',
  unit_renamed: 'wait',
  moved: 'wait',
};

function isSame(report: RosterReport): boolean {
  const { dry_run: _, is_delta: __, people: ___, examples: ____, ...counts } = report;
  return Object.values(counts).every((count) => count === 0);
}

type Props<Report> = {
  title: string;
  note: string;
  accept: string;
  send: (file: File, dryRun: boolean) => Promise<Report>;
  isUnchanged: (report: Report) => boolean;
  show: (report: Report) => ReactNode;
  children?: ReactNode;
};

function Upload<Report>({ title, note, accept, send, isUnchanged, show, children }: Props<Report>) {
  const t = useTexts(importTexts);
  const client = useQueryClient();
  const id = useId();
  const [file, setFile] = useState<File>();
  const check = useMutation({ mutationFn: (chosen: File) => send(chosen, true) });
  const apply = useMutation({
    mutationFn: (chosen: File) => send(chosen, false),
    // Timetable, cards and people may be others now.
    onSuccess: () => client.invalidateQueries(),
  });
  const choose = (chosen: File | undefined) => {
    setFile(chosen);
    check.reset();
    apply.reset();
  };
  const failed = apply.error ?? check.error;
  const report = apply.data ?? check.data;
  const unchanged = check.data !== undefined && isUnchanged(check.data);
  return (
    <section className={sheet.card} aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <p className={sheet.soft}>{note}</p>
      <div className={sheet.row}>
        <label className={sheet.field}>
          {t('file')}
          <input type="file" accept={accept} onChange={(event) => choose(event.target.files?.[0])} />
        </label>
        <button
          type="button"
          className={sheet.button}
          data-main={!check.data || undefined}
          disabled={!file || check.isPending}
          onClick={() => file && check.mutate(file)}
        >
          {check.isPending ? t('checking') : t('check')}
        </button>
        {check.data && !unchanged && !apply.data && (
          <button
            type="button"
            className={sheet.button}
            data-main
            disabled={apply.isPending}
            onClick={() => file && apply.mutate(file)}
          >
            {t('apply')}
          </button>
        )}
        {children}
      </div>
      <div aria-live="polite" style={{ marginTop: 12 }}>
        {apply.data && <Notice tone="good">{t('applied')}</Notice>}
        {unchanged && <Notice tone="info">{t('nothing')}</Notice>}
        {failed instanceof Rejected && <Mistakes rejected={failed} />}
        {failed && !(failed instanceof Rejected) && <RefusalAlert refusal={refusalOf(failed)} />}
      </div>
      {!failed && report !== undefined && show(report)}
    </section>
  );
}

function Mistakes({ rejected }: { rejected: Rejected }) {
  const t = useTexts(importTexts);
  return (
    <>
      <Notice alert tone="error" title={t('rejected', { count: rejected.count })}>
        {t('rejected_help')}
      </Notice>
      <Cells cells={rejected.errors} />
    </>
  );
}

function Cells({ cells }: { cells: CellNote[] }) {
  const t = useTexts(importTexts);
  const hasFiles = cells.some((cell) => cell.file);
  return (
    <div className={sheet.scroll} {...reachable}>
      <table className={sheet.table}>
        <thead>
          <tr>
            {hasFiles && <th scope="col">{t('in_file')}</th>}
            <th scope="col" data-number>
              {t('line')}
            </th>
            <th scope="col">{t('column')}</th>
            <th scope="col">{t('mistake')}</th>
          </tr>
        </thead>
        <tbody>
          {cells.map((cell) => (
            <tr key={`${cell.file}${cell.line}${cell.column}${cell.code}${cell.text}`}>
              {hasFiles && <td>{cell.file}</td>}
              <td data-number>{cell.line || ''}</td>
              <td>{cell.column}</td>
              <td>{cell.text}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cards({ report }: { report: CardsReport }) {
  const t = useTexts(importTexts);
  const { rows, created, updated, unchanged, consultations } = report;
  return (
    <>
      <p>{t('sum_cards', { rows, created, updated, unchanged, consultations })}</p>
      {report.warnings.length > 0 && (
        <>
          <h3>{t('warnings')}</h3>
          <Cells cells={report.warnings} />
        </>
      )}
      {report.changes.length > 0 && (
        <>
          <h3>{t('changes')}</h3>
          <div className={sheet.scroll} {...reachable}>
            <table className={sheet.table}>
              <thead>
                <tr>
                  <th scope="col" data-number>
                    {t('line')}
                  </th>
                  <th scope="col">{t('key')}</th>
                  <th scope="col">{t('what')}</th>
                  <th scope="col">{t('topic')}</th>
                  <th scope="col" data-number>
                    {t('consultations')}
                  </th>
                </tr>
              </thead>
              <tbody>
                {report.changes.map((change) => (
                  <tr key={change.line}>
                    <td data-number>{change.line}</td>
                    <th scope="row">{change.key}</th>
                    <td>
                      <span className={sheet.tag} data-tone={change.is_new ? undefined : 'wait'}>
                        {t(change.is_new ? 'what_new' : 'what_changed')}
                      </span>
                    </td>
                    <td>
                      {change.title}
                      {change.cells.map((cell) => (
                        <div key={cell.column}>
                          {cell.column}: <span className={sheet.old}>{cell.before || '—'}</span> → {cell.after || '—'}
                        </div>
                      ))}
                    </td>
                    <td data-number>{change.consultations}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </>
  );
}

function Roster({ report }: { report: RosterReport }) {
  const t = useTexts(importTexts);
  return (
    <>
      <p className={sheet.soft}>{t(report.is_delta ? 'delta' : 'bulk')}</p>
      <p>
        {t('sum_people', {
          people: report.people,
          created: report.people_created,
          updated: report.people_updated,
          left: report.people_left,
        })}
      </p>
      <p>
        {t('sum_places', {
          classes: report.classes_created,
          groups: report.groups_created,
          subjects: report.subjects_created,
          made: report.enrollments_made,
          ended: report.enrollments_ended,
        })}
      </p>
      {report.units_created + report.units_renamed + report.units_removed + report.people_moved > 0 && (
        <p>
          {t('sum_units', {
            created: report.units_created,
            renamed: report.units_renamed,
            removed: report.units_removed,
            moved: report.people_moved,
          })}
        </p>
      )}
      <p>{t('sum_rights', { given: report.roles_given, taken: report.roles_taken, links: report.links_proposed })}</p>
      {report.examples.length > 0 && (
        <div className={sheet.scroll} {...reachable}>
          <table className={sheet.table}>
            <thead>
              <tr>
                <th scope="col">{t('what')}</th>
                <th scope="col">{t('key')}</th>
                <th scope="col">{t('name')}</th>
                <th scope="col">{t('before')}</th>
              </tr>
            </thead>
            <tbody>
              {report.examples.map((one) => (
                <tr key={`${one.what}${one.code}${one.name}`}>
                  <td>
                    <span className={sheet.tag} data-tone={TONES[one.what]}>
                      {t(`what_${one.what}`)}
                    </span>
                  </td>
                  <td>{one.code}</td>
                  <td>{one.name}</td>
                  <td>{one.before && <span className={sheet.old}>{one.before}</span>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function Asc({ report }: { report: AscReport }) {
  const t = useTexts(importTexts);
  const unknown = [...report.unknown_teachers, ...report.unknown_classes, ...report.unknown_subjects];
  return (
    <>
      <p>{t('sum_asc', { lessons: report.lessons, before: report.lessons_before, bells: report.bells })}</p>
      {report.bells_changed && <Notice tone="info">{t('asc_bells')}</Notice>}
      {unknown.length > 0 && (
        <Notice tone="wait" title={t('asc_unknown')}>
          {unknown.join('; ')}
        </Notice>
      )}
      {report.colliding_dates > 0 && <Collisions report={report} />}
    </>
  );
}

/** Planned dates that meet a lesson of the new timetable: they stay, and whoever holds them has to look. */
function Collisions({ report }: { report: AscReport }) {
  const t = useTexts(importTexts);
  const me = useMe();
  const start = new Intl.DateTimeFormat(useLocale(), {
    dateStyle: 'short',
    timeStyle: 'short',
    timeZone: me?.school.tz,
  });
  return (
    <>
      <Notice tone="wait" title={t('asc_collide', { dates: report.colliding_dates, fresh: report.colliding_new })}>
        {t(report.dry_run ? 'asc_collide_dry' : 'asc_collide_done')}
      </Notice>
      <div className={sheet.scroll} {...reachable}>
        <table className={sheet.table}>
          <thead>
            <tr>
              <th scope="col">{t('asc_when')}</th>
              <th scope="col">{t('asc_date')}</th>
              <th scope="col">{t('asc_busy')}</th>
              <th scope="col">{t('asc_lesson')}</th>
            </tr>
          </thead>
          <tbody>
            {report.collisions.map((one) => (
              <tr key={`${one.consultation}${one.busy}${one.lesson.starts}${one.lesson.class}${one.lesson.subject}`}>
                <td>
                  {start.format(new Date(one.start))}{' '}
                  {one.is_new && (
                    <span className={sheet.tag} data-tone="wait">
                      {t('asc_new')}
                    </span>
                  )}
                </td>
                <td>{[one.title, one.class].filter(Boolean).join(', ')}</td>
                <td>
                  {one.busy === 'host' ? t('asc_host', { name: one.host }) : t('asc_group', { name: one.class ?? '' })}
                </td>
                <td>
                  {one.lesson.starts}–{one.lesson.ends}{' '}
                  {[one.lesson.subject, one.lesson.class].filter(Boolean).join(', ')}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {report.collisions.length >= 200 && (
        <p className={sheet.soft}>{t('asc_first', { count: report.collisions.length })}</p>
      )}
    </>
  );
}
