// Asking: for whom, about what, in one's own words, with a file.
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Choices, HelpRequest } from './api';
import { get, post, upload } from './api';
import styles from './help.module.css';
import { Answer, Check, Choose, Field, HELP, Line, Text, Trouble, useAct, useHelp } from './parts';

const FORMS = ['', 'webinar', 'video_conference', 'chat', 'individual'] as const;

export function AskForm({ onDone }: { onDone: (id: string) => void }) {
  const query = useQuery({ queryKey: [...HELP, 'choices'], queryFn: () => get<Choices>('/requests/choices') });
  return <Answer query={query}>{(choices) => <Form choices={choices} onDone={onDone} />}</Answer>;
}

function Form({ choices, onDone }: { choices: Choices; onDone: (id: string) => void }) {
  const t = useHelp();
  const [student, setStudent] = useState(choices.students[0]?.id ?? '');
  const subjects = choices.students.find((one) => one.id === student)?.subjects ?? [];
  const [wantedSubject, setSubject] = useState('');
  const subject = subjects.find((one) => one.id === wantedSubject) ?? subjects[0];
  const [wantedTopic, setTopic] = useState('');
  const topic = subject?.topics.some((one) => one.id === wantedTopic) ? wantedTopic : '';
  const [text, setText] = useState('');
  const [form, setForm] = useState('');
  const [times, setTimes] = useState('');
  const [shared, setShared] = useState(true);
  const [file, setFile] = useState<File>();
  const act = useAct(async () => {
    const made = await post<HelpRequest>('/requests', {
      student,
      subject: subject?.id,
      topic: topic || undefined,
      text,
      wish_form: form || undefined,
      wish_times: times || undefined,
      is_shared: shared,
    });
    if (file) {
      const name = encodeURIComponent(file.name);
      await upload(`/requests/${made.id}/files?name=${name}`, file, 'application/octet-stream');
    }
    onDone(made.id);
  });
  if (!subject) return <p className={styles.text}>{t('ask_no_subjects')}</p>;
  return (
    <form
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        act.mutate(undefined);
      }}
    >
      {choices.students.length > 1 && (
        <Choose
          label={t('ask_for')}
          value={student}
          onChange={setStudent}
          options={choices.students.map((one) => ({ value: one.id, label: `${one.display_name}, ${one.class}` }))}
        />
      )}
      <Choose
        label={t('ask_subject')}
        value={subject.id}
        onChange={setSubject}
        options={subjects.map((one) => ({ value: one.id, label: one.name }))}
      />
      <Choose
        label={t('ask_topic')}
        value={topic}
        onChange={setTopic}
        options={[
          { value: '', label: t('ask_topic_none') },
          ...subject.topics.map((one) => ({ value: one.id, label: `${one.title} (${one.part})` })),
        ]}
      />
      <Text label={t('ask_text')} help={t('ask_text_help')} value={text} onChange={setText} />
      <Choose
        label={t('ask_form')}
        value={form}
        onChange={setForm}
        options={FORMS.map((value) => ({ value, label: value ? t(`form_${value}`) : t('ask_form_any') }))}
      />
      <Line label={t('ask_times')} value={times} onChange={setTimes} />
      <Field label={t('ask_file')}>
        {(id) => (
          <input
            id={id}
            type="file"
            className={styles.input}
            accept=".png,.jpg,.jpeg,.gif,.webp,.pdf,.docx,.xlsx,.pptx,.odt,.ods,.odp"
            onChange={(event) => setFile(event.target.files?.[0])}
          />
        )}
      </Field>
      <Check label={t('ask_shared')} checked={shared} onChange={setShared} />
      <Trouble error={act.error} />
      <div className={styles.actions}>
        <Button type="submit" loading={act.isPending} disabled={text.trim() === ''}>
          {t('ask_send')}
        </Button>
      </div>
    </form>
  );
}
