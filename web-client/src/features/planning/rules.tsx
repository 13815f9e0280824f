// The rules that planning is held against: local acts, norms and hours as dated rows, strictness of the rest.
import { Button, NativeSelect } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { serverNow } from '../../shared/clock';
import { isErrorCode, refusalOf } from '../../shared/errors';
import { dayKey } from '../../shared/i18n/format';
import { useTexts } from '../../shared/i18n/use-texts';
import { Answered, Empty, Panel, Refused, styles, useMay } from '../../shared/planning/kit';
import { Notice } from '../../shared/ui/notice';
import { useRefusalWords } from '../../shared/ui/refusal';
import { ConsentTexts } from './consent-texts';
import { ProposalsPanel } from './proposals';
import { type Field, RowDialog } from './rules-dialog';
import { texts, useDay, useGrades, useProposals } from './rules-kit';
import {
  type Act,
  addAct,
  fetchActs,
  fetchHours,
  fetchNorms,
  fetchRules,
  type Hours,
  isInForce,
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

/** «с 1 сентября 2026 по …», and whether that is now. */
function useDates(): (row: { valid_from?: string; valid_to?: string }) => ReactNode {
  const t = useTexts(texts);
  const day = useDay();
  return (row) => {
    const from = row.valid_from && day(row.valid_from);
    const to = row.valid_to && day(row.valid_to);
    const words =
      from && to ? t('since_until', { from, to }) : from ? t('since', { from }) : to ? t('until', { to }) : t('always');
    return (
      <>
        <span className={styles.soft}>{words}</span>
        {!isInForce(row, dayKey(serverNow())) && <span className={styles.badge}>{t('past')}</span>}
      </>
    );
  };
}

function useChange<Body>(key: string, change: (body: Body) => Promise<void>, onDone?: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: [key] });
      void client.invalidateQueries({ queryKey: ['rule-proposals'] });
      onDone?.();
    },
  });
}

function Acts() {
  const t = useTexts(texts);
  const day = useDay();
  const dates = useDates();
  const mayEdit = useMay('policy.manage');
  const acts = useQuery({ queryKey: ['local-acts'], queryFn: fetchActs });
  const [isOpen, setOpen] = useState(false);
  const action = useAction();
  const doing = useChange<Act>('local-acts', addAct, () => setOpen(false));
  const fields: Field[] = [
    { name: 'number', label: t('act_number'), required: true },
    { name: 'dated', label: t('act_dated'), type: 'date', required: true },
    { name: 'title', label: t('act_title'), required: true },
    { name: 'basis', label: t('act_basis'), required: true },
    { name: 'valid_from', label: t('valid_from'), type: 'date', required: true },
    { name: 'valid_to', label: t('valid_to'), type: 'date' },
  ];
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
            </li>
          ))}
        </ul>
      </Answered>
      {isOpen && (
        <RowDialog
          title={t('act_add')}
          fields={fields}
          action={action}
          doing={doing}
          onClose={() => setOpen(false)}
          onSave={(values) => doing.mutate({ id: '', ...values } as unknown as Act)}
        />
      )}
    </Panel>
  );
}

/** What the button of a dialog says: who may only propose is told so. */
function useAction(): string | undefined {
  const t = useTexts(texts);
  return useProposals().data?.decides === false ? t('propose') : undefined;
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
