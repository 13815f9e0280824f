// Whether a host to whom nobody came is counted the time. Holds for what ends from the decision on.
import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { refusalOf } from '../../shared/errors';
import { useTexts } from '../../shared/i18n/use-texts';
import { Answered, Panel, Refused, styles, useMay } from '../../shared/planning/kit';
import { Notice } from '../../shared/ui/notice';
import { texts, useProposals } from './rules-kit';
import { fetchLoadPolicy, type LoadPolicy, putLoadPolicy } from './rules-model';

export const LOAD_POLICY = 'load-policy';
/** As the hub takes them. */
const MOST_MINUTES = 60;

export function WaitingInVain() {
  const t = useTexts(texts);
  const mayEdit = useMay('policy.manage');
  const client = useQueryClient();
  const policy = useQuery({ queryKey: [LOAD_POLICY], queryFn: fetchLoadPolicy });
  // Here, since the form begins anew with what was written.
  const doing = useMutation({
    mutationFn: putLoadPolicy,
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: [LOAD_POLICY] });
      void client.invalidateQueries({ queryKey: ['rule-proposals'] });
    },
  });
  return (
    <Panel title={t('waiting')}>
      <p className={styles.soft}>{t('waiting_lead')}</p>
      <Answered query={policy}>
        {policy.data &&
          (mayEdit ? (
            <Form key={JSON.stringify(policy.data)} known={policy.data} doing={doing} />
          ) : (
            <Said known={policy.data} />
          ))}
      </Answered>
    </Panel>
  );
}

function Said({ known }: { known: LoadPolicy }) {
  const t = useTexts(texts);
  return <p>{known.count === 'never' ? t('waiting_never') : t('waiting_said', { minutes: known.minutes })}</p>;
}

type Doing = {
  mutate: (policy: LoadPolicy) => void;
  isPending: boolean;
  isError: boolean;
  isSuccess: boolean;
  error: unknown;
};

function Form({ known, doing }: { known: LoadPolicy; doing: Doing }) {
  const t = useTexts(texts);
  const proposes = useProposals().data?.decides === false;
  const [count, setCount] = useState(known.count);
  const [minutes, setMinutes] = useState(String(known.count === 'waited' ? known.minutes : 15));
  return (
    <form
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        doing.mutate(count === 'never' ? { count } : { count, minutes: Number(minutes) });
      }}
    >
      <div className={styles.grid}>
        <NativeSelect
          label={t('waiting_count')}
          value={count}
          onChange={(event) => setCount(event.currentTarget.value as LoadPolicy['count'])}
          data={[
            { value: 'waited', label: t('waiting_waited') },
            { value: 'never', label: t('waiting_never') },
          ]}
        />
        {count === 'waited' && (
          <TextInput
            label={t('waiting_minutes')}
            type="number"
            required
            min={1}
            max={MOST_MINUTES}
            value={minutes}
            onChange={(event) => setMinutes(event.currentTarget.value)}
          />
        )}
      </div>
      {doing.isError && <Refused refusal={refusalOf(doing.error)} />}
      {doing.isSuccess && <Notice tone="good" title={t(proposes ? 'waiting_proposed' : 'waiting_done')} />}
      <div className={styles.actions}>
        <Button type="submit" loading={doing.isPending}>
          {t(proposes ? 'propose' : 'waiting_save')}
        </Button>
      </div>
    </form>
  );
}
