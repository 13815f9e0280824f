// What the teacher makes of the ranked topics: a planned date, or a new one, with its topics, parts and sources.
import { Button } from '@mantine/core';
import { useState } from 'react';
import { useMe } from '../../shared/me';
import { request } from '../../shared/net/http';
import { Notice } from '../../shared/ui/notice';
import type { Ranked } from './api';
import { get, post, put } from './api';
import styles from './help.module.css';
import { Check, Choose, Line, Text, Trouble, useAct, useHelp, useMoment } from './parts';

type Props = { ranked: Ranked; topics: string[]; group: string; subject: string };
const NEW = 'new';
const FORMS = ['video_conference', 'webinar', 'chat'] as const;

type Wanted = { date: string; start: string; minutes: string; form: string; kind: string };

export function ChooseFor({ ranked, topics, group, subject }: Props) {
  const t = useHelp();
  const me = useMe();
  const moment = useMoment();
  const [wanted, setLesson] = useState('');
  const lesson = ranked.planned.find((one) => one.id === wanted);
  const isNew = lesson === undefined && (wanted === NEW || ranked.planned.length === 0);
  const chosen = isNew ? undefined : (lesson ?? ranked.planned[0]);
  const [fresh, setFresh] = useState<Wanted>({
    date: '',
    start: '16:00',
    minutes: '30',
    form: 'video_conference',
    kind: 'current',
  });
  const [parts, setParts] = useState<string[]>();
  const [requests, setRequests] = useState<string[]>();
  const [marks, setMarks] = useState(true);
  const [note, setNote] = useState('');
  const chosenTopics = ranked.topics.filter((topic) => topics.includes(topic.id));
  // What goes with the chosen topics is proposed; the teacher's own clicks win.
  const chosenParts = parts ?? [...new Set(chosenTopics.map((topic) => topic.part_id))];
  const fitting = ranked.requests.filter((one) => one.topic && topics.includes(one.topic)).map((one) => one.id);
  const chosenRequests = requests ?? fitting;
  const weak = chosenTopics.filter((topic) => topic.below_three > 0).map((topic) => topic.id);

  /** A card with one date, published: every rule of planning is asked there. Gives the consultation. */
  const plan = async (): Promise<string> => {
    const partTitles = ranked.parts.filter((part) => chosenParts.includes(part.id)).map((part) => part.title);
    const titles = chosenTopics.map((topic) => topic.title);
    const sources = [
      ...chosenRequests.map((id) => ({ kind: 'request', ref_id: id })),
      ...(marks ? weak : []).map((id) => ({ kind: 'performance', ref_id: id })),
      ...(note ? [{ kind: 'note', text: note }] : []),
    ];
    const host = me?.person.id ?? '';
    const before = new Set(ranked.planned.map((one) => one.id));
    const made = await post<{ card: { id: string }; draft?: { revision: number } }>('/cards', {
      body: {
        subject,
        content: {
          title: titles.join(', ') || [ranked.subject, ...partTitles].join(', '),
          programme: null,
          group,
          teacher: host,
          materials: [],
          homework: null,
          note: null,
          allow_in_break: false,
          slots: [
            {
              key: '',
              recurrence: { type: 'once', date: fresh.date },
              at: { type: 'start', value: `${fresh.start}:00` },
              minutes: Number(fresh.minutes),
              form: fresh.form,
              medium: null,
              kind: fresh.kind,
              coverage: titles.length > 0 ? 'topics' : 'overview',
              parts: partTitles,
              topics: titles,
              audience: { students: true, guardians: false },
              host,
              student: null,
              sources,
            },
          ],
        },
      },
    });
    try {
      const revision = String(made.draft?.revision ?? 1);
      await request('POST', `/api/v1/cards/${made.card.id}/publish`, {}, { 'if-match': `"${revision}"` });
    } catch (error) {
      // What was refused leaves no draft behind for which nobody asked.
      await request('DELETE', `/api/v1/cards/${made.card.id}/draft`, undefined, { 'if-match': '"1"' }).catch(
        () => undefined,
      );
      throw error;
    }
    const after = await get<Ranked>(`/topics/ranked?${new URLSearchParams({ group, subject })}`);
    const planned = after.planned.find((one) => !before.has(one.id));
    if (!planned) throw new Error('the new consultation is not in the plan');
    return planned.id;
  };

  const act = useAct(async () => {
    const id = chosen?.id ?? (await plan());
    await put(`/consultations/${id}/topics`, {
      parts: chosenParts,
      topics,
      requests: chosenRequests,
      performance: marks ? weak : [],
      note: note || undefined,
    });
    setLesson(id);
  });
  const toggle = (list: string[], id: string) => (list.includes(id) ? list.filter((one) => one !== id) : [...list, id]);
  return (
    <form
      className={`${styles.card} ${styles.form}`}
      aria-label={t('choose_title')}
      onSubmit={(event) => {
        event.preventDefault();
        act.mutate(undefined);
      }}
    >
      <h2 className={styles.title}>{t('choose_title')}</h2>
      <p className={styles.soft}>{t('choose_lead', { count: topics.length })}</p>
      <Choose
        label={t('choose_when')}
        value={isNew ? NEW : (chosen?.id ?? NEW)}
        onChange={setLesson}
        options={[
          ...ranked.planned.map((one) => ({
            value: one.id,
            label: `${moment(one.start)}: ${t(`form_${one.form as 'chat'}`)}, ${t(`coverage_${one.coverage}`)}`,
          })),
          { value: NEW, label: t('choose_new') },
        ]}
      />
      {isNew && (
        <>
          <Choose
            label={t('new_kind')}
            value={fresh.kind}
            onChange={(kind) => setFresh({ ...fresh, kind })}
            options={(['current', 'assessment_prep'] as const).map((value) => ({ value, label: t(`kind_${value}`) }))}
          />
          <Choose
            label={t('new_form')}
            value={fresh.form}
            onChange={(form) => setFresh({ ...fresh, form })}
            options={FORMS.map((value) => ({ value, label: t(`form_${value}`) }))}
          />
          <Line
            label={t('new_date')}
            type="date"
            value={fresh.date}
            onChange={(date) => setFresh({ ...fresh, date })}
          />
          <Line
            label={t('new_start')}
            type="time"
            value={fresh.start}
            onChange={(start) => setFresh({ ...fresh, start })}
          />
          <Line
            label={t('new_minutes')}
            type="number"
            value={fresh.minutes}
            onChange={(minutes) => setFresh({ ...fresh, minutes })}
          />
        </>
      )}
      <fieldset className={styles.stars} style={{ flexDirection: 'column' }}>
        <legend>{t('choose_parts')}</legend>
        {ranked.parts.map((part) => (
          <Check
            key={part.id}
            label={part.title}
            checked={chosenParts.includes(part.id)}
            onChange={() => setParts(toggle(chosenParts, part.id))}
          />
        ))}
      </fieldset>
      {ranked.requests.length > 0 && (
        <fieldset className={styles.stars} style={{ flexDirection: 'column' }}>
          <legend>{t('choose_requests')}</legend>
          {ranked.requests.map((one) => (
            <Check
              key={one.id}
              label={one.text}
              checked={chosenRequests.includes(one.id)}
              onChange={() => setRequests(toggle(chosenRequests, one.id))}
            />
          ))}
        </fieldset>
      )}
      {weak.length > 0 && <Check label={t('choose_marks')} checked={marks} onChange={setMarks} />}
      <Text label={t('choose_note')} help={t('choose_note_help')} value={note} onChange={setNote} most={500} />
      <Trouble error={act.error} />
      {act.isSuccess && <Notice tone="good" title={t('choose_done')} />}
      <div className={styles.actions}>
        <Button type="submit" loading={act.isPending} disabled={isNew && fresh.date === ''}>
          {t(isNew ? 'choose_plan' : 'choose_send')}
        </Button>
      </div>
    </form>
  );
}
