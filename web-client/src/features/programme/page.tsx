// Programmes with their parts and topics; whoever teaches one completes its parts.
import { Button, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { refusalOf } from '../../shared/errors';
import { formatDate } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { completePart, fetchProgrammes, newPart, type Part, type Programme, putPart } from '../../shared/planning/api';
import { noonOf } from '../../shared/planning/explain';
import { Answered, Empty, PageHead, Panel, ReasonDialog, Refused, styles } from '../../shared/planning/kit';
import { planningTexts } from '../../shared/planning/texts';
import { Dialog } from '../../shared/ui/dialog';
import { programmeTexts } from './texts';

type Open = { kind: 'complete' | 'reopen' | 'edit'; part: Part } | { kind: 'new'; programme: Programme };

export default function ProgrammePage() {
  const t = useTexts(programmeTexts);
  const tp = useTexts(planningTexts);
  const client = useQueryClient();
  const query = useQuery({ queryKey: ['programmes'], queryFn: fetchProgrammes });
  const [subject, setSubject] = useState('');
  const [open, setOpen] = useState<Open>();
  const today = query.data?.today ?? '';
  const all = query.data?.items ?? [];
  const subjects = [...new Map(all.map((one) => [one.subject_id, one.subject]))];
  const shown = all.filter((one) => !subject || one.subject_id === subject);
  const close = () => setOpen(undefined);
  const done = () => {
    void client.invalidateQueries({ queryKey: ['programmes'] });
    void client.invalidateQueries({ queryKey: ['card-options'] });
  };
  return (
    <>
      <PageHead title={t('title')} lead={t('lead')}>
        {subjects.length > 1 && (
          <NativeSelect
            label={t('subject')}
            value={subject}
            onChange={(event) => setSubject(event.currentTarget.value)}
            data={[{ value: '', label: tp('all') }, ...subjects.map(([value, label]) => ({ value, label }))]}
          />
        )}
      </PageHead>
      <Answered query={query}>
        {all.length === 0 && <Empty title={t('empty')} text={t('empty_help')} icon="book" />}
        {shown.map((programme) => (
          <Panel
            key={programme.id}
            title={`${programme.subject}, ${t('grade', { grade: programme.grade })}`}
            tools={
              programme.editable && (
                <Button size="compact-sm" variant="default" onClick={() => setOpen({ kind: 'new', programme })}>
                  {t('add_part')}
                </Button>
              )
            }
          >
            <Parts programme={programme} today={today} onOpen={setOpen} />
          </Panel>
        ))}
      </Answered>
      <Completing
        part={open?.kind === 'complete' ? open.part : undefined}
        today={today}
        onClose={close}
        onDone={done}
      />
      <ReasonDialog
        opened={open?.kind === 'reopen'}
        onClose={close}
        title={t('reopen')}
        action={t('reopen')}
        onDone={async (reason) => {
          if (open?.kind === 'reopen') await completePart(open.part.id, null, reason);
          done();
        }}
      />
      {(open?.kind === 'edit' || open?.kind === 'new') && <Editing open={open} onClose={close} onDone={done} />}
    </>
  );
}

function Parts({ programme, today, onOpen }: { programme: Programme; today: string; onOpen: (open: Open) => void }) {
  const t = useTexts(programmeTexts);
  const tp = useTexts(planningTexts);
  const locale = useLocale();
  const day = (key: string) => formatDate(noonOf(key), locale, 'UTC');
  return (
    <table className={`${styles.table} ${styles.cards}`}>
      <thead>
        <tr>
          <th scope="col">{t('part')}</th>
          <th scope="col">{t('term')}</th>
          <th scope="col">{t('status')}</th>
          {programme.editable && <th scope="col" aria-label={tp('edit')} />}
        </tr>
      </thead>
      <tbody>
        {programme.parts.map((part) => (
          <tr key={part.id}>
            <td>
              <details>
                <summary>
                  <b>{part.title}</b> <span className={styles.soft}>{t('topics', { count: part.topics.length })}</span>
                </summary>
                <ul>
                  {part.topics.map((topic) => (
                    <li key={topic}>{topic}</li>
                  ))}
                </ul>
              </details>
            </td>
            <td data-label={t('term')}>
              {day(part.starts_on)} – {day(part.ends_on)}
            </td>
            <td data-label={t('status')}>
              <Status part={part} today={today} />
            </td>
            {programme.editable && (
              <td>
                <div className={styles.chips}>
                  {!part.completed_on && part.starts_on <= today && (
                    <Button size="compact-sm" onClick={() => onOpen({ kind: 'complete', part })}>
                      {t('complete')}
                    </Button>
                  )}
                  {part.completed_on && (
                    <Button size="compact-sm" variant="subtle" onClick={() => onOpen({ kind: 'reopen', part })}>
                      {t('reopen')}
                    </Button>
                  )}
                  <Button size="compact-sm" variant="default" onClick={() => onOpen({ kind: 'edit', part })}>
                    {tp('edit')}
                  </Button>
                </div>
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Status({ part, today }: { part: Part; today: string }) {
  const t = useTexts(programmeTexts);
  const locale = useLocale();
  if (part.completed_on) {
    const date = formatDate(noonOf(part.completed_on), locale, 'UTC');
    return (
      <span className={styles.badge} data-tone="good">
        {part.completed_by ? t('done_by', { date, name: part.completed_by }) : t('done', { date })}
      </span>
    );
  }
  if (part.ends_on < today) {
    return (
      <span className={styles.badge} data-tone="wait">
        {t('overdue')}
      </span>
    );
  }
  return <span className={styles.badge}>{part.starts_on <= today ? t('running') : t('ahead')}</span>;
}

type DialogProps = { onClose: () => void; onDone: () => void };

function Completing({ part, today, onClose, onDone }: DialogProps & { part: Part | undefined; today: string }) {
  const t = useTexts(programmeTexts);
  const tp = useTexts(planningTexts);
  const [on, setOn] = useState<string>();
  const day = on ?? today;
  const doing = useMutation({
    mutationFn: () => completePart(part?.id ?? '', day),
    onSuccess: () => {
      onDone();
      close();
    },
  });
  const close = () => {
    setOn(undefined);
    doing.reset();
    onClose();
  };
  return (
    <Dialog opened={part !== undefined} onClose={close} title={t('complete_title', { title: part?.title ?? '' })}>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          doing.mutate();
        }}
      >
        <p className={styles.soft}>{t('complete_help')}</p>
        <TextInput
          type="date"
          label={t('complete_on')}
          value={day}
          min={part?.starts_on}
          max={today}
          required
          onChange={(event) => setOn(event.currentTarget.value)}
        />
        {doing.isError && <Refused refusal={refusalOf(doing.error)} />}
        <div className={styles.actions}>
          <Button type="submit" loading={doing.isPending}>
            {t('complete')}
          </Button>
          <Button variant="default" onClick={close}>
            {tp('cancel')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Editing({
  open,
  onClose,
  onDone,
}: DialogProps & { open: Exclude<Open, { kind: 'complete' | 'reopen' }> | Open }) {
  const t = useTexts(programmeTexts);
  const tp = useTexts(planningTexts);
  const part = open.kind === 'new' ? undefined : open.part;
  const programme = open.kind === 'new' ? open.programme : undefined;
  const [title, setTitle] = useState(part?.title ?? '');
  const [from, setFrom] = useState(part?.starts_on ?? programme?.starts_on ?? '');
  const [to, setTo] = useState(part?.ends_on ?? programme?.ends_on ?? '');
  const [topics, setTopics] = useState(part?.topics.join('\n') ?? '');
  const doing = useMutation({
    mutationFn: () => {
      const lines = topics.split('\n').map((line) => line.trim());
      const body = { title, starts_on: from, ends_on: to, topics: lines.filter(Boolean) };
      return part ? putPart(part.id, body) : newPart(programme?.id ?? '', body);
    },
    onSuccess: () => {
      onDone();
      onClose();
    },
  });
  return (
    <Dialog opened onClose={onClose} title={part?.title ?? t('add_part')} width={560}>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          doing.mutate();
        }}
      >
        <TextInput
          label={t('part_title')}
          value={title}
          maxLength={200}
          required
          onChange={(event) => setTitle(event.currentTarget.value)}
        />
        <div className={styles.grid}>
          <TextInput
            type="date"
            label={tp('from')}
            value={from}
            required
            onChange={(event) => setFrom(event.currentTarget.value)}
          />
          <TextInput
            type="date"
            label={tp('to')}
            value={to}
            required
            onChange={(event) => setTo(event.currentTarget.value)}
          />
        </div>
        <Textarea
          label={t('part_topics')}
          description={t('part_topics_help')}
          rows={8}
          value={topics}
          onChange={(event) => setTopics(event.currentTarget.value)}
        />
        {doing.isError && <Refused refusal={refusalOf(doing.error)} />}
        <div className={styles.actions}>
          <Button type="submit" loading={doing.isPending}>
            {tp('save')}
          </Button>
          <Button variant="default" onClick={onClose}>
            {tp('cancel')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
