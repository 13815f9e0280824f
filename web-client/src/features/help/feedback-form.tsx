// What a recipient says of one consultation; on the end-of-lesson screen and on the feedback page.
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Notice } from '../../shared/ui/notice';
import type { OwnFeedback } from './api';
import { get, post, put } from './api';
import styles from './help.module.css';
import { Choose, HELP, Text, Trouble, useAct, useHelp } from './parts';

/** Nothing is shown to those who have nothing to say: the host, and who was not there. */
export default function FeedbackForm({ consultation }: { consultation: string }) {
  const query = useQuery({
    queryKey: [...HELP, 'feedback', consultation],
    queryFn: () => get<OwnFeedback>(`/consultations/${consultation}/feedback`),
    retry: false,
  });
  if (!query.data?.can_give) return null;
  return <Form consultation={consultation} known={query.data} />;
}

function Form({ consultation, known }: { consultation: string; known: OwnFeedback }) {
  const t = useHelp();
  const [score, setScore] = useState(known.own?.score);
  const [helped, setHelped] = useState(known.own?.helped);
  const [text, setText] = useState(known.own?.text ?? '');
  const act = useAct(() => put(`/consultations/${consultation}/feedback`, { score, helped, text: text || undefined }));
  if (act.isSuccess) return <Notice tone="good" title={t('feedback_thanks')} />;
  return (
    <form
      className={styles.form}
      style={{ textAlign: 'left', width: '100%' }}
      onSubmit={(event) => {
        event.preventDefault();
        act.mutate(undefined);
      }}
    >
      <fieldset className={styles.stars}>
        <legend>{t('feedback_helped')}</legend>
        {[true, false].map((value) => (
          <label key={String(value)} className={styles.star}>
            <input
              type="radio"
              name={`helped ${consultation}`}
              checked={helped === value}
              onChange={() => setHelped(value)}
            />
            {t(value ? 'feedback_yes' : 'feedback_no')}
          </label>
        ))}
      </fieldset>
      <fieldset className={styles.stars}>
        <legend>{t('feedback_score')}</legend>
        {[1, 2, 3, 4, 5].map((value) => (
          <label key={value} className={styles.star}>
            <input
              type="radio"
              name={`score ${consultation}`}
              aria-label={t('feedback_score_n', { n: value })}
              checked={score === value}
              onChange={() => setScore(value)}
            />
            {value}
          </label>
        ))}
      </fieldset>
      <Text label={t('feedback_text')} value={text} onChange={setText} />
      <p className={styles.soft}>{t('feedback_hidden', { count: known.enough })}</p>
      <Trouble error={act.error} />
      <div className={styles.actions}>
        <Button type="submit" loading={act.isPending} disabled={score === undefined || helped === undefined}>
          {t('feedback_send')}
        </Button>
      </div>
    </form>
  );
}

export function ComplaintForm({ consultation, onDone }: { consultation: string; onDone: () => void }) {
  const t = useHelp();
  const [kind, setKind] = useState('untimely');
  const [text, setText] = useState('');
  const act = useAct(() => post(`/consultations/${consultation}/complaints`, { kind, text }), onDone);
  return (
    <form
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        act.mutate(undefined);
      }}
    >
      <Choose
        label={t('complain_kind')}
        value={kind}
        onChange={setKind}
        options={(['untimely', 'poor', 'unlawful'] as const).map((value) => ({ value, label: t(`ckind_${value}`) }))}
      />
      <Text label={t('complain_text')} value={text} onChange={setText} />
      <Trouble error={act.error} />
      <div className={styles.actions}>
        <Button type="submit" loading={act.isPending} disabled={text.trim() === ''}>
          {t('complain_send')}
        </Button>
      </div>
    </form>
  );
}
