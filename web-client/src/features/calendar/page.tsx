// The school's calendar: read by everybody, edited as a whole by those who may, with a preview of what moves.
import '@mantine/core/styles/Checkbox.css';
import { Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { isErrorCode, refusalOf } from '../../shared/errors';
import { formatShortDay, formatTime } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { useMe } from '../../shared/me';
import {
  type Calendar,
  type CalendarChange,
  fetchCalendar,
  type MovedLesson,
  type CalendarPage as Page,
  putCalendar,
  type RefusedLesson,
} from '../../shared/planning/api';
import { Answered, PageHead, Refused, styles, useMay } from '../../shared/planning/kit';
import { planningTexts } from '../../shared/planning/texts';
import { Dialog } from '../../shared/ui/dialog';
import { Notice } from '../../shared/ui/notice';
import { useRefusalWords } from '../../shared/ui/refusal';
import { CalendarForm } from './form';
import { calendarTexts } from './texts';

export default function CalendarPage() {
  const t = useTexts(calendarTexts);
  const tp = useTexts(planningTexts);
  const query = useQuery({ queryKey: ['calendar'], queryFn: fetchCalendar });
  return (
    <>
      <PageHead title={t('title')} lead={t('lead')} />
      <Answered query={query}>
        {query.data && (
          <>
            <p className={styles.soft}>{t('now', { parity: tp(query.data.parity) })}</p>
            <Editor key={query.data.version} page={query.data} />
          </>
        )}
      </Answered>
    </>
  );
}

function Editor({ page }: { page: Page }) {
  const t = useTexts(calendarTexts);
  const mayEdit = useMay('calendar.manage');
  const client = useQueryClient();
  const [calendar, setCalendar] = useState<Calendar>(page.calendar);
  const [change, setChange] = useState<CalendarChange>();
  const isDirty = JSON.stringify(calendar) !== JSON.stringify(page.calendar);
  const preview = useMutation({ mutationFn: () => putCalendar(page.version, calendar, true), onSuccess: setChange });
  const apply = useMutation({
    mutationFn: () => putCalendar(page.version, calendar, false),
    onSuccess: async () => {
      setChange(undefined);
      for (const key of ['calendar', 'timetable', 'planning-ahead'])
        await client.invalidateQueries({ queryKey: [key] });
    },
  });
  const failed = [preview, apply].find(({ isError }) => isError);
  return (
    <>
      <CalendarForm calendar={calendar} disabled={!mayEdit} onChange={setCalendar} />
      {failed && <Refused refusal={refusalOf(failed.error)} />}
      {mayEdit && (
        <div className={styles.actions}>
          <Button onClick={() => preview.mutate()} loading={preview.isPending} disabled={!isDirty}>
            {t('preview')}
          </Button>
          {isDirty && (
            <Button variant="default" onClick={() => setCalendar(page.calendar)}>
              {t('revert')}
            </Button>
          )}
        </div>
      )}
      <Dialog opened={change !== undefined} onClose={() => setChange(undefined)} title={t('preview_title')} width={720}>
        {change && <Preview change={change} onApply={() => apply.mutate()} isApplying={apply.isPending} />}
      </Dialog>
    </>
  );
}

function Preview({
  change,
  onApply,
  isApplying,
}: {
  change: CalendarChange;
  onApply: () => void;
  isApplying: boolean;
}) {
  const t = useTexts(calendarTexts);
  const nothing = change.moved.length + change.planned.length + change.removed.length + change.refused.length === 0;
  return (
    <div className={styles.form}>
      {nothing ? (
        <Notice tone="good">{t('preview_none')}</Notice>
      ) : (
        <Notice tone="info">{t('people', { count: change.people })}</Notice>
      )}
      {change.collisions.length > 0 && (
        <Notice tone="error">{t('collisions', { count: change.collisions.length })}</Notice>
      )}
      {change.taken_back > 0 && <Notice tone="error">{t('taken_back', { count: change.taken_back })}</Notice>}
      {change.refused.length > 0 && (
        <>
          <Notice tone="error">{t('refused_note')}</Notice>
          <Lessons title={t('refused', { count: change.refused.length })} items={change.refused} />
        </>
      )}
      {(['moved', 'removed', 'planned'] as const).map(
        (kind) =>
          change[kind].length > 0 && (
            <Lessons key={kind} title={t(kind, { count: change[kind].length })} items={change[kind]} />
          ),
      )}
      <div className={styles.actions}>
        <Button onClick={onApply} loading={isApplying}>
          {t('apply')}
        </Button>
      </div>
    </div>
  );
}

function Lessons({ title, items }: { title: string; items: (MovedLesson | RefusedLesson)[] }) {
  const locale = useLocale();
  const zone = useMe()?.school.tz;
  const words = useRefusalWords();
  const at = (time: string | undefined) =>
    time && `${formatShortDay(Date.parse(time), locale, zone)}, ${formatTime(Date.parse(time), locale, zone)}`;
  return (
    <details open={items.length <= 12}>
      <summary className={styles.panelTitle}>{title}</summary>
      <ul className={styles.list}>
        {items.slice(0, 200).map((one) => (
          <li key={one.id} className={styles.date}>
            <div className={styles.dateTop}>{[one.title, one.class].filter(Boolean).join(', ')}</div>
            <div className={styles.soft}>
              {[at(one.from), at(one.to)].filter(Boolean).join(' → ')} · {one.host}
            </div>
            {'codes' in one &&
              one.codes.map((code) => (
                <div key={code} className={styles.why}>
                  <span className={styles.whyTitle}>{isErrorCode(code) ? words(code).title : code}</span>
                </div>
              ))}
          </li>
        ))}
      </ul>
    </details>
  );
}
