// The rules that planning is held against: local acts, norms and hours as dated rows, strictness of the rest.
import { Button, NativeSelect } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { isErrorCode, refusalOf } from '../../shared/errors';
import { useTexts } from '../../shared/i18n/use-texts';
import { Answered, Empty, Panel, Refused, styles, useMay } from '../../shared/planning/kit';
import { Notice } from '../../shared/ui/notice';
import { useRefusalWords } from '../../shared/ui/refusal';
import { Acts } from './acts';
import { ConsentTexts } from './consent-texts';
import { ProposalsPanel } from './proposals';
import { type Field, RowDialog } from './rules-dialog';
import { texts, useAction, useChange, useDates, useGrades, useProposals } from './rules-kit';
import {
  fetchHours,
  fetchNorms,
  fetchRules,
  type Hours,
  MODES,
  type Mode,
  type Norm,
  putHours,
  putNorm,
  putRule,
  type Row,
} from './rules-model';
import { WaitingInVain } from './waiting';

export default function Rules() {
  const t = useTexts(texts);
  const proposals = useProposals();
  return (
    <>
      <p className={styles.lead}>{t('lead')}</p>
      {proposals.data?.decides === false && (
        <div className={styles.above}>
          <Notice tone="info" title={t('you_propose')}>
            {t('you_propose_text')}
          </Notice>
        </div>
      )}
      <ProposalsPanel />
      <Acts />
      <Norms />
      <HoursOfDay />
      <Strictness />
      <WaitingInVain />
      <ConsentTexts />
    </>
  );
}

const numbers = (values: Record<string, string>, names: readonly string[]) =>
  Object.fromEntries(names.filter((name) => values[name]).map((name) => [name, Number(values[name])]));

/** What norms and hours have in common in their dialogs. */
function useRowFields(own: Field[]): Field[] {
  const t = useTexts(texts);
  return [
    { name: 'grade_from', label: t('grade_from'), type: 'number', required: true, max: 11, initial: '1' },
    { name: 'grade_to', label: t('grade_to'), type: 'number', required: true, max: 11, initial: '11' },
    ...own,
    { name: 'valid_from', label: t('valid_from'), type: 'date' },
    { name: 'valid_to', label: t('valid_to'), type: 'date' },
    { name: 'code', label: t('code'), required: true },
    { name: 'source', label: t('source'), required: true },
  ];
}

type GradeRowsProps<One extends Row> = {
  name: string;
  words: { title: string; lead: string; add: string; empty: string };
  load: () => Promise<{ items: One[] }>;
  save: (row: One) => Promise<void>;
  /** Fields of its own beside those that all have. */
  fields: Field[];
  numeric?: readonly string[];
  say: (row: One) => ReactNode;
};

/** Rows for grades, with dates and a strictness each. */
function GradeRows<One extends Row>({ name, words, load, save, fields, numeric = [], say }: GradeRowsProps<One>) {
  const dates = useDates();
  const grades = useGrades();
  const mayEdit = useMay('norm.manage');
  const rows = useQuery({ queryKey: [name], queryFn: load });
  const [isOpen, setOpen] = useState(false);
  const action = useAction();
  const doing = useChange<One>(name, save, () => setOpen(false));
  const all = useRowFields(fields);
  return (
    <Panel
      title={words.title}
      tools={
        mayEdit && (
          <Button size="compact-sm" variant="light" onClick={() => setOpen(true)}>
            {words.add}
          </Button>
        )
      }
    >
      <p className={styles.soft}>{words.lead}</p>
      {doing.isError && !isOpen && <Refused refusal={refusalOf(doing.error)} />}
      <Answered query={rows}>
        {rows.data?.items.length === 0 && <Empty title={words.empty} icon="clock" />}
        <ul className={styles.list}>
          {rows.data?.items.map((row) => (
            <li key={row.id} className={styles.date}>
              <div className={styles.dateTop}>
                {grades(row)} {dates(row)}
              </div>
              <div>{say(row)}</div>
              <div className={styles.soft}>
                {row.source} ({row.code})
              </div>
              <ModeOf
                what={grades(row)}
                mode={row.mode}
                mayEdit={mayEdit}
                onMode={(mode) => doing.mutate({ ...row, mode })}
              />
            </li>
          ))}
        </ul>
      </Answered>
      {isOpen && (
        <RowDialog
          title={words.add}
          fields={all}
          action={action}
          doing={doing}
          onClose={() => setOpen(false)}
          onSave={(values) =>
            doing.mutate({
              ...values,
              ...numbers(values, ['grade_from', 'grade_to', ...numeric]),
              id: '',
              mode: 'warn',
            } as unknown as One)
          }
        />
      )}
    </Panel>
  );
}

function Norms() {
  const t = useTexts(texts);
  return (
    <GradeRows<Norm>
      name="norms"
      words={{ title: t('norms'), lead: t('norms_lead'), add: t('norm_add'), empty: t('norms_empty') }}
      load={fetchNorms}
      save={putNorm}
      fields={[
        { name: 'per_lesson', label: t('per_lesson'), type: 'number', required: true, max: 480 },
        { name: 'per_day_home', label: t('per_day'), type: 'number', max: 1440 },
      ]}
      numeric={['per_lesson', 'per_day_home']}
      say={(norm) =>
        norm.per_day_home === undefined
          ? t('minutes', { lesson: norm.per_lesson })
          : t('minutes_day', { lesson: norm.per_lesson, day: norm.per_day_home })
      }
    />
  );
}

function HoursOfDay() {
  const t = useTexts(texts);
  return (
    <GradeRows<Hours>
      name="hours-norms"
      words={{ title: t('hours'), lead: t('hours_lead'), add: t('hours_add'), empty: t('hours_empty') }}
      load={fetchHours}
      save={putHours}
      fields={[
        { name: 'earliest', label: t('earliest'), type: 'time', required: true, initial: '08:00' },
        { name: 'latest', label: t('latest'), type: 'time', required: true, initial: '18:00' },
      ]}
      say={(row) => `${row.earliest}–${row.latest}`}
    />
  );
}

function Strictness() {
  const t = useTexts(texts);
  const words = useRefusalWords();
  const mayEdit = useMay('policy.manage');
  const rules = useQuery({ queryKey: ['planning-rules'], queryFn: fetchRules });
  const doing = useChange('planning-rules', putRule);
  return (
    <Panel title={t('rules')}>
      <p className={styles.soft}>{t('rules_lead')}</p>
      {doing.isError && <Refused refusal={refusalOf(doing.error)} />}
      <Answered query={rules}>
        <ul className={styles.list}>
          {rules.data?.items.map(({ rule, mode }) => {
            const what = isErrorCode(rule) ? words(rule).title : rule;
            return (
              <li key={rule} className={styles.date}>
                <div className={styles.dateTop}>{what}</div>
                <ModeOf what={what} mode={mode} mayEdit={mayEdit} onMode={(mode) => doing.mutate({ rule, mode })} />
              </li>
            );
          })}
        </ul>
      </Answered>
    </Panel>
  );
}

type ModeProps = { what: string; mode: Mode; mayEdit: boolean; onMode: (mode: Mode) => void };

function ModeOf({ what, mode, mayEdit, onMode }: ModeProps) {
  const t = useTexts(texts);
  if (!mayEdit) {
    return (
      <div>
        <span className={styles.badge}>{t(`mode_${mode}`)}</span>
      </div>
    );
  }
  return (
    <NativeSelect
      aria-label={t('mode_of', { what })}
      size="sm"
      style={{ maxWidth: 240, marginTop: 8 }}
      value={mode}
      onChange={(event) => onMode(event.currentTarget.value as Mode)}
      data={MODES.map((value) => ({ value, label: t(`mode_${value}`) }))}
    />
  );
}
