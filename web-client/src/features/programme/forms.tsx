// Making and changing a programme and its parts. What is in use is refused by the hub, which says by what.
import '@mantine/core/styles/Checkbox.css';
import { Button, Checkbox, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { type Refusal, refusalOf } from '../../shared/errors';
import { useTexts } from '../../shared/i18n/use-texts';
import {
  type NewChoices,
  newPart,
  newProgramme,
  type Part,
  type PartEdited,
  type Programme,
  putPart,
  putProgramme,
} from '../../shared/planning/api';
import { FormDialog, Refused, styles } from '../../shared/planning/kit';
import { planningTexts } from '../../shared/planning/texts';
import { Dialog } from '../../shared/ui/dialog';
import { Notice } from '../../shared/ui/notice';
import { Against } from './against';
import own from './forms.module.css';
import { programmeTexts } from './texts';

type Props = { onClose: () => void; onDone: () => void };

/** A refusal; where something is in use, by what. */
function Why({ refusal }: { refusal: Refusal }) {
  const t = useTexts(programmeTexts);
  const used = refusal.code === 'conflict' ? (refusal.params?.used as Record<string, number> | undefined) : undefined;
  if (!used) return <Refused refusal={refusal} />;
  const words = (['cards', 'consultations', 'requests', 'marks', 'findings', 'completed'] as const)
    .filter((key) => (used[key] ?? 0) > 0)
    .map((key) => t(`used_${key}`, { count: used[key] ?? 0 }));
  return (
    <Notice alert tone="error" title={t('used')}>
      {words.join(', ')}. {t('used_help')}
    </Notice>
  );
}

export function ProgrammeForm({
  programme,
  choices,
  onClose,
  onDone,
}: Props & { programme?: Programme; choices: NewChoices }) {
  const t = useTexts(programmeTexts);
  const subjects = useId();
  const [year, setYear] = useState(choices.years[0]?.id ?? '');
  const span = choices.years.find((one) => (programme ? one.name === programme.year : one.id === year));
  const [subject, setSubject] = useState(programme?.subject ?? '');
  const [renames, setRenames] = useState(false);
  const [grade, setGrade] = useState(programme ? String(programme.grade) : '');
  const [from, setFrom] = useState(programme?.starts_on ?? span?.starts_on ?? '');
  const [to, setTo] = useState(programme?.ends_on ?? span?.ends_on ?? '');
  const is_known = choices.subjects.some((one) => one.toLowerCase() === subject.trim().toLowerCase());
  const may_rename = programme !== undefined && choices.whole_school && subject.trim() !== programme.subject;
  const doing = useMutation({
    mutationFn: () => {
      const body = { subject, grade: Number(grade), starts_on: from, ends_on: to };
      return programme
        ? putProgramme(programme.id, { ...body, rename_subject: may_rename && renames })
        : newProgramme({ ...body, year });
    },
    onSuccess: () => {
      onDone();
      onClose();
    },
  });
  return (
    <FormDialog
      title={programme ? t('programme') : t('add_programme')}
      width={560}
      doing={doing}
      why={(refusal) => <Why refusal={refusal} />}
      onSubmit={() => doing.mutate()}
      onClose={onClose}
    >
      {!programme && choices.years.length > 1 && (
        <NativeSelect
          label={t('year')}
          value={year}
          data={choices.years.map(({ id, name }) => ({ value: id, label: name }))}
          onChange={(event) => {
            const next = choices.years.find((one) => one.id === event.currentTarget.value);
            setYear(event.currentTarget.value);
            setFrom(next?.starts_on ?? '');
            setTo(next?.ends_on ?? '');
          }}
        />
      )}
      <div className={styles.grid}>
        <TextInput
          label={t('subject')}
          description={subject.trim() && !is_known && !renames ? t('subject_new') : t('subject_help')}
          list={subjects}
          value={subject}
          maxLength={200}
          required
          onChange={(event) => setSubject(event.currentTarget.value)}
        />
        <datalist id={subjects}>
          {choices.subjects.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
        <TextInput
          type="number"
          label={t('grade_label')}
          description={t('grade_help')}
          value={grade}
          min={1}
          max={11}
          required
          onChange={(event) => setGrade(event.currentTarget.value)}
        />
      </div>
      {may_rename && (
        <Checkbox
          label={t('rename_subject', { subject: programme.subject })}
          checked={renames}
          onChange={(event) => setRenames(event.currentTarget.checked)}
        />
      )}
      <Dates from={from} to={to} within={span} onFrom={setFrom} onTo={setTo} />
    </FormDialog>
  );
}

type DatesProps = {
  from: string;
  to: string;
  within?: { starts_on: string; ends_on: string };
  onFrom: (day: string) => void;
  onTo: (day: string) => void;
};

function Dates({ from, to, within, onFrom, onTo }: DatesProps) {
  const tp = useTexts(planningTexts);
  const common = { type: 'date', required: true, min: within?.starts_on, max: within?.ends_on };
  return (
    <div className={styles.grid}>
      <TextInput {...common} label={tp('from')} value={from} onChange={(event) => onFrom(event.currentTarget.value)} />
      <TextInput {...common} label={tp('to')} value={to} onChange={(event) => onTo(event.currentTarget.value)} />
    </div>
  );
}

/** `was`: the title that the hub knows; a topic without one is new. */
type Topic = { key: number; was: string; title: string };

export function PartForm({ part, programme, onClose, onDone }: Props & { part?: Part; programme?: Programme }) {
  const t = useTexts(programmeTexts);
  const tp = useTexts(planningTexts);
  const [title, setTitle] = useState(part?.title ?? '');
  const [from, setFrom] = useState(part?.starts_on ?? programme?.starts_on ?? '');
  const [to, setTo] = useState(part?.ends_on ?? programme?.ends_on ?? '');
  const [topics, setTopics] = useState<Topic[]>((part?.topics ?? []).map((was, key) => ({ key, was, title: was })));
  const [more, setMore] = useState('');
  const [outlook, setOutlook] = useState<{ of: string; edited: PartEdited }>();
  const doing = useMutation({
    mutationFn: async () => {
      const kept = topics.filter((topic) => topic.title.trim());
      const renamed = kept.filter((topic) => topic.was !== topic.title.trim());
      const body = {
        title,
        starts_on: from,
        ends_on: to,
        topics: [...kept.map((topic) => topic.title), ...more.split('\n')].map((line) => line.trim()).filter(Boolean),
        renamed: Object.fromEntries(renamed.map((topic) => [topic.was, topic.title.trim()])),
      };
      if (!part) return newPart(programme?.id ?? '', body);
      // What it does to planned dates is looked at first; the second press on the same part saves.
      const of = JSON.stringify(body);
      if (outlook?.of !== of) {
        const edited = await putPart(part.id, body, true);
        if (edited.against_count > 0) {
          setOutlook({ of, edited });
          return undefined;
        }
      }
      return putPart(part.id, body);
    },
    onSuccess: (saved) => {
      if (!saved) return;
      onDone();
      onClose();
    },
  });
  return (
    <FormDialog
      title={part?.title ?? t('add_part')}
      width={560}
      doing={doing}
      action={outlook ? t('save_anyway') : undefined}
      why={(refusal) => <Why refusal={refusal} />}
      onSubmit={() => doing.mutate()}
      onClose={onClose}
    >
      <TextInput
        label={t('part_title')}
        value={title}
        maxLength={200}
        required
        onChange={(event) => setTitle(event.currentTarget.value)}
      />
      <Dates from={from} to={to} within={programme} onFrom={setFrom} onTo={setTo} />
      {topics.length > 0 && (
        <fieldset className={own.topics}>
          <legend>{t('part_topics')}</legend>
          {topics.map((topic, at) => (
            <div key={topic.key} className={own.topic}>
              <TextInput
                aria-label={t('topic_n', { n: at + 1 })}
                value={topic.title}
                maxLength={200}
                required
                onChange={(event) => {
                  const title = event.currentTarget.value;
                  setTopics(topics.map((one) => (one.key === topic.key ? { ...one, title } : one)));
                }}
              />
              <Button
                variant="subtle"
                aria-label={t('drop_topic_of', { title: topic.title })}
                onClick={() => setTopics(topics.filter((one) => one.key !== topic.key))}
              >
                {tp('remove')}
              </Button>
            </div>
          ))}
        </fieldset>
      )}
      <Textarea
        label={topics.length > 0 ? t('more_topics') : t('part_topics')}
        description={t('part_topics_help')}
        rows={topics.length > 0 ? 3 : 8}
        value={more}
        onChange={(event) => setMore(event.currentTarget.value)}
      />
      {outlook && <Against edited={outlook.edited} />}
    </FormDialog>
  );
}

/** Asks before something goes for good. */
export function Removing({
  title,
  onClose,
  onRemove,
}: {
  title: string;
  onClose: () => void;
  onRemove: () => Promise<void>;
}) {
  const t = useTexts(programmeTexts);
  const tp = useTexts(planningTexts);
  const doing = useMutation({ mutationFn: onRemove, onSuccess: onClose });
  return (
    <Dialog opened onClose={onClose} title={title} width={480}>
      <p className={styles.soft}>{t('drop_help')}</p>
      {doing.isError && <Why refusal={refusalOf(doing.error)} />}
      <div className={styles.actions}>
        <Button color="red.8" loading={doing.isPending} onClick={() => doing.mutate()}>
          {tp('remove')}
        </Button>
        <Button variant="default" onClick={onClose}>
          {tp('cancel')}
        </Button>
      </div>
    </Dialog>
  );
}
