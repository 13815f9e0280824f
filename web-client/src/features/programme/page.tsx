// Programmes with their parts and topics; whoever teaches one completes its parts, makes and changes it.
import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { refusalOf } from '../../shared/errors';
import { formatDate } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import {
  completePart,
  dropPart,
  dropProgramme,
  fetchProgrammes,
  type Part,
  type Programme,
} from '../../shared/planning/api';
import { noonOf } from '../../shared/planning/explain';
import { Answered, Empty, FormDialog, PageHead, Panel, ReasonDialog, Refused, styles } from '../../shared/planning/kit';
import { planningTexts } from '../../shared/planning/texts';
import { Against } from './against';
import { PartForm, ProgrammeForm, Removing } from './forms';
import { programmeTexts } from './texts';

type Open =
  | { kind: 'complete' | 'reopen' | 'edit' | 'drop'; part: Part }
  | { kind: 'new' | 'programme' | 'drop_programme'; programme: Programme }
  | { kind: 'new_programme' };

export default function ProgrammePage() {
  const t = useTexts(programmeTexts);
  const tp = useTexts(planningTexts);
  const client = useQueryClient();
  const query = useQuery({ queryKey: ['programmes'], queryFn: fetchProgrammes });
  const [subject, setSubject] = useState('');
  const [open, setOpen] = useState<Open>();
  const today = query.data?.today ?? '';
  const all = query.data?.items ?? [];
  const choices = query.data?.new;
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
        {choices && all.length > 0 && (
          <Button onClick={() => setOpen({ kind: 'new_programme' })}>{t('add_programme')}</Button>
        )}
      </PageHead>
      <Answered query={query}>
        {all.length === 0 && (
          <>
            <Empty title={t('empty')} text={t(choices ? 'empty_make' : 'empty_help')} icon="book" />
            {choices && <Button onClick={() => setOpen({ kind: 'new_programme' })}>{t('add_programme')}</Button>}
          </>
        )}
        {shown.map((programme) => (
          <Panel
            key={programme.id}
            title={`${programme.subject}, ${t('grade', { grade: programme.grade })}`}
            tools={
              programme.editable && (
                <div className={styles.chips}>
                  <Button size="compact-sm" onClick={() => setOpen({ kind: 'new', programme })}>
                    {t('add_part')}
                  </Button>
                  <Button size="compact-sm" variant="default" onClick={() => setOpen({ kind: 'programme', programme })}>
                    {tp('edit')}
                  </Button>
                  <Button
                    size="compact-sm"
                    variant="subtle"
                    aria-label={t('drop_programme_of', nameOf(programme))}
                    onClick={() => setOpen({ kind: 'drop_programme', programme })}
                  >
                    {tp('remove')}
                  </Button>
                </div>
              )
            }
          >
            {programme.parts.length > 0 ? (
              <Parts programme={programme} today={today} onOpen={setOpen} />
            ) : (
              <p className={styles.soft}>{t('no_parts')}</p>
            )}
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
      >
        {open?.kind === 'reopen' && <Outlook part={open.part} on={null} />}
      </ReasonDialog>
      {open?.kind === 'edit' && <PartForm part={open.part} onClose={close} onDone={done} />}
      {open?.kind === 'new' && <PartForm programme={open.programme} onClose={close} onDone={done} />}
      {(open?.kind === 'new_programme' || open?.kind === 'programme') && choices && (
        <ProgrammeForm
          programme={open.kind === 'programme' ? open.programme : undefined}
          choices={choices}
          onClose={close}
          onDone={done}
        />
      )}
      {open?.kind === 'drop' && (
        <Removing
          title={t('drop_part_title', { title: open.part.title })}
          onClose={close}
          onRemove={async () => {
            await dropPart(open.part.id);
            done();
          }}
        />
      )}
      {open?.kind === 'drop_programme' && (
        <Removing
          title={t('drop_programme_title', nameOf(open.programme))}
          onClose={close}
          onRemove={async () => {
            await dropProgramme(open.programme.id);
            done();
          }}
        />
      )}
    </>
  );
}

const nameOf = ({ subject, grade }: Programme) => ({ subject, grade });

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
                  {!part.completed_on && (
                    <Button
                      size="compact-sm"
                      variant="subtle"
                      aria-label={t('drop_part_of', { title: part.title })}
                      onClick={() => onOpen({ kind: 'drop', part })}
                    >
                      {tp('remove')}
                    </Button>
                  )}
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

/** What completing a part on a day, or reopening it, would do; nothing is done. */
function Outlook({ part, on }: { part: Part; on: string | null }) {
  const query = useQuery({
    queryKey: ['part-outlook', part.id, on],
    queryFn: () => completePart(part.id, on, '', true),
    retry: false,
    staleTime: 0,
  });
  if (query.isError) return <Refused refusal={refusalOf(query.error)} />;
  return <Against edited={query.data} />;
}

type DialogProps = { onClose: () => void; onDone: () => void };

function Completing({ part, today, onClose, onDone }: DialogProps & { part: Part | undefined; today: string }) {
  const t = useTexts(programmeTexts);
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
    <FormDialog
      opened={part !== undefined}
      title={t('complete_title', { title: part?.title ?? '' })}
      action={t('complete')}
      doing={doing}
      onSubmit={() => doing.mutate()}
      onClose={close}
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
      {part && day && <Outlook part={part} on={day} />}
    </FormDialog>
  );
}
