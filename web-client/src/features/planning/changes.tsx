// What is ahead, with what can happen to it: a substitute, another time, no lesson at all.
import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type Consultation, fetchTimetable } from '../../shared/api';
import { serverNow } from '../../shared/clock';
import { addDays } from '../../shared/dates';
import { dayKey, formatShortDay, formatTime } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { useMe } from '../../shared/me';
import { cancelLesson, fetchSubstitutes, moveLesson, substitute } from '../../shared/planning/api';
import { Answered, Empty, FindingView, Panel, ReasonDialog, styles, useMay } from '../../shared/planning/kit';
import { planningTexts } from '../../shared/planning/texts';
import { loadTexts } from './texts';

type Open = { kind: 'substitute' | 'move' | 'cancel'; lesson: Consultation };

export function Changes() {
  const t = useTexts(loadTexts);
  const tp = useTexts(planningTexts);
  const locale = useLocale();
  const zone = useMe()?.school.tz;
  const client = useQueryClient();
  const maySubstitute = useMay('override.grant');
  const today = dayKey(serverNow(), zone);
  const query = useQuery({
    queryKey: ['planning-ahead', today],
    queryFn: () => fetchTimetable(today, addDays(today, 14)),
  });
  const [open, setOpen] = useState<Open>();
  const [day, setDay] = useState('');
  const [start, setStart] = useState('');
  const close = () => setOpen(undefined);
  const done = () => {
    for (const key of ['planning-ahead', 'timetable', 'load']) void client.invalidateQueries({ queryKey: [key] });
  };
  const ahead = (query.data?.items ?? []).filter((one) => one.state === 'planned' || one.state === 'open');
  return (
    <Panel>
      <p className={styles.soft}>{t('changes_lead')}</p>
      <Answered query={query}>
        {ahead.length === 0 && <Empty title={t('changes_empty')} />}
        <ul className={styles.list}>
          {ahead.map((lesson) => (
            <li key={lesson.id} className={styles.date}>
              <div className={styles.dateTop}>
                {lesson.title}
                <span className={styles.badge}>{tp(`form_${lesson.form}`)}</span>
              </div>
              <div className={styles.soft}>
                {[
                  formatShortDay(Date.parse(lesson.start), locale, zone),
                  `${formatTime(Date.parse(lesson.start), locale, zone)}–${formatTime(Date.parse(lesson.end), locale, zone)}`,
                  lesson.class,
                  t('holds', { name: lesson.host.display_name }),
                ]
                  .filter(Boolean)
                  .join(' · ')}
              </div>
              <div className={styles.chips} style={{ marginTop: 8 }}>
                {maySubstitute && (
                  <Button size="compact-sm" variant="light" onClick={() => setOpen({ kind: 'substitute', lesson })}>
                    {t('substitute')}
                  </Button>
                )}
                <Button
                  size="compact-sm"
                  variant="default"
                  onClick={() => {
                    setDay(dayKey(Date.parse(lesson.start), zone));
                    setStart(formatTime(Date.parse(lesson.start), 'ru', zone));
                    setOpen({ kind: 'move', lesson });
                  }}
                >
                  {t('move')}
                </Button>
                <Button
                  size="compact-sm"
                  variant="subtle"
                  c="var(--danger)"
                  onClick={() => setOpen({ kind: 'cancel', lesson })}
                >
                  {t('cancel_lesson')}
                </Button>
              </div>
            </li>
          ))}
        </ul>
      </Answered>
      {open?.kind === 'substitute' && <Substituting lesson={open.lesson} onClose={close} onDone={done} />}
      <ReasonDialog
        opened={open?.kind === 'move'}
        onClose={close}
        title={t('move_title')}
        action={t('move')}
        onDone={async (reason) => {
          if (open) await moveLesson(open.lesson.id, day, start, reason);
          done();
        }}
      >
        <p className={styles.soft}>{t('move_help')}</p>
        <div className={styles.grid}>
          <TextInput
            type="date"
            label={tp('date')}
            value={day}
            required
            onChange={(event) => setDay(event.currentTarget.value)}
          />
          <TextInput
            type="time"
            label={t('move_start')}
            value={start}
            required
            onChange={(event) => setStart(event.currentTarget.value)}
          />
        </div>
      </ReasonDialog>
      <ReasonDialog
        opened={open?.kind === 'cancel'}
        onClose={close}
        title={t('cancel_title')}
        action={t('cancel_lesson')}
        danger
        onDone={async (reason) => {
          if (open) await cancelLesson(open.lesson.id, reason);
          done();
        }}
      >
        <p className={styles.soft}>{t('cancel_help')}</p>
      </ReasonDialog>
    </Panel>
  );
}

function Substituting({ lesson, onClose, onDone }: { lesson: Consultation; onClose: () => void; onDone: () => void }) {
  const t = useTexts(loadTexts);
  const candidates = useQuery({ queryKey: ['substitutes', lesson.id], queryFn: () => fetchSubstitutes(lesson.id) });
  const [chosen, setChosen] = useState<string>();
  const items = candidates.data?.items ?? [];
  const to = chosen ?? items[0]?.id;
  const candidate = items.find(({ id }) => id === to);
  return (
    <ReasonDialog
      opened
      onClose={onClose}
      title={`${t('substitute_title')}: ${lesson.title}`}
      action={t('substitute')}
      onDone={async (reason) => {
        await substitute(lesson.id, to ?? null, reason);
        onDone();
      }}
    >
      <Answered query={candidates}>
        <NativeSelect
          label={t('substitute_who')}
          value={to ?? ''}
          onChange={(event) => setChosen(event.currentTarget.value)}
          data={items.map((one) => ({
            value: one.id,
            label: t(one.free ? 'substitute_free' : 'substitute_busy', { name: one.display_name }),
          }))}
        />
        {candidate?.findings.map((finding) => (
          <FindingView key={finding.code} finding={finding} />
        ))}
      </Answered>
    </ReasonDialog>
  );
}
