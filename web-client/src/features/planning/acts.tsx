// The school's local acts: which is in force, by which protocols opinions were heeded, and the act's own file.
import { Button, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useId, useRef, useState } from 'react';
import { useTexts } from '../../shared/i18n/use-texts';
import { Answered, Empty, Panel, styles, useMay } from '../../shared/planning/kit';
import { Icon } from '../../shared/ui/icon';
import { type Field, RowDialog } from './rules-dialog';
import { texts, useAction, useChange, useDates, useDay } from './rules-kit';
import { addAct, bringActFile, fetchActs, type NewAct, type Opinion } from './rules-model';

/** As the hub takes them. */
const MOST_OPINIONS = 10;
const KINDS = '.pdf,.docx,.odt,.png,.jpg,.jpeg,.webp';

export function Acts() {
  const t = useTexts(texts);
  const day = useDay();
  const dates = useDates();
  const mayEdit = useMay('policy.manage');
  const acts = useQuery({ queryKey: ['local-acts'], queryFn: fetchActs });
  const [isOpen, setOpen] = useState(false);
  return (
    <Panel
      title={t('acts')}
      tools={
        mayEdit && (
          <Button size="compact-sm" variant="light" onClick={() => setOpen(true)}>
            {t('act_add')}
          </Button>
        )
      }
    >
      <p className={styles.soft}>{t('acts_lead')}</p>
      <Answered query={acts}>
        {acts.data?.items.length === 0 && <Empty title={t('acts_empty')} text={t('acts_empty_text')} icon="info" />}
        <ul className={styles.list}>
          {acts.data?.items.map((act) => (
            <li key={act.id} className={styles.date}>
              <div className={styles.dateTop}>
                {t('act', { number: act.number, date: day(act.dated) })} {dates(act)}
              </div>
              <div>{act.title}</div>
              <div className={styles.soft}>{act.basis}</div>
              {act.opinions.length > 0 && (
                <div className={styles.soft}>
                  {t('act_opinions')}:{' '}
                  {act.opinions
                    .map(({ title, number, dated }) => t('act_opinion', { title, number, date: day(dated) }))
                    .join('; ')}
                </div>
              )}
              {act.file && (
                <div>
                  <a href={act.file.url} download={act.file.name}>
                    {t('act_file', { name: act.file.name, size: Math.max(1, Math.round(act.file.size_bytes / 1024)) })}
                  </a>
                </div>
              )}
            </li>
          ))}
        </ul>
      </Answered>
      {isOpen && <NewActDialog onClose={() => setOpen(false)} />}
    </Panel>
  );
}

function NewActDialog({ onClose }: { onClose: () => void }) {
  const t = useTexts(texts);
  const id = useId();
  const action = useAction();
  const [opinions, setOpinions] = useState<Opinion[]>([]);
  const [file, setFile] = useState<File>();
  const brought = useRef<{ file: File; id: string }>(undefined);
  const doing = useChange<NewAct>(
    'local-acts',
    async (act) => {
      if (!file) return addAct(act);
      // Brought once, however often the act itself is refused.
      if (brought.current?.file !== file) brought.current = { file, id: (await bringActFile(file)).id };
      return addAct({ ...act, file: brought.current.id });
    },
    onClose,
  );
  const fields: Field[] = [
    { name: 'number', label: t('act_number'), required: true },
    { name: 'dated', label: t('act_dated'), type: 'date', required: true },
    { name: 'title', label: t('act_title'), required: true },
    { name: 'basis', label: t('act_basis'), required: true },
    { name: 'valid_from', label: t('valid_from'), type: 'date', required: true },
    { name: 'valid_to', label: t('valid_to'), type: 'date' },
  ];
  const change = (n: number, more: Partial<Opinion>) =>
    setOpinions(opinions.map((one, at) => (at === n ? { ...one, ...more } : one)));
  return (
    <RowDialog
      title={t('act_add')}
      fields={fields}
      action={action}
      doing={doing}
      onClose={onClose}
      onSave={(values) => doing.mutate({ ...values, opinions } as unknown as NewAct)}
    >
      <fieldset className={styles.fieldset}>
        <legend>{t('act_opinions')}</legend>
        {opinions.map((one, n) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: protocols have no name before they are written
          <div key={n} className={styles.grid}>
            <TextInput
              className={styles.wide}
              label={t('opinion_title', { n: n + 1 })}
              required
              maxLength={200}
              value={one.title}
              onChange={(event) => change(n, { title: event.currentTarget.value })}
            />
            <TextInput
              label={t('opinion_number')}
              required
              maxLength={60}
              value={one.number}
              onChange={(event) => change(n, { number: event.currentTarget.value })}
            />
            <TextInput
              label={t('opinion_dated')}
              type="date"
              required
              value={one.dated}
              onChange={(event) => change(n, { dated: event.currentTarget.value })}
            />
            <Button
              size="compact-sm"
              variant="subtle"
              aria-label={t('opinion_drop_n', { n: n + 1 })}
              onClick={() => setOpinions(opinions.filter((_, at) => at !== n))}
            >
              {t('opinion_drop')}
            </Button>
          </div>
        ))}
        {opinions.length < MOST_OPINIONS && (
          <Button
            size="compact-sm"
            variant="light"
            leftSection={<Icon name="edit" size={16} />}
            onClick={() => setOpinions([...opinions, { title: '', number: '', dated: '' }])}
          >
            {t('opinion_add')}
          </Button>
        )}
      </fieldset>
      <div>
        <label htmlFor={id}>{t('act_file_label')}</label>
        <input
          id={id}
          type="file"
          accept={KINDS}
          style={{ display: 'block', maxWidth: '100%', marginTop: 6 }}
          onChange={(event) => setFile(event.currentTarget.files?.[0])}
        />
        <p className={styles.soft}>{t('act_file_help')}</p>
      </div>
    </RowDialog>
  );
}
