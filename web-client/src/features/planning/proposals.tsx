// Proposed changes of the rules: what stands beside what is proposed, for those who decide; to an administrator their own.
import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { isErrorCode, refusalOf } from '../../shared/errors';
import { dayKey } from '../../shared/i18n/format';
import { useTexts } from '../../shared/i18n/use-texts';
import { Empty, Panel, ReasonDialog, Refused, styles } from '../../shared/planning/kit';
import { Notice } from '../../shared/ui/notice';
import { useRefusalWords } from '../../shared/ui/refusal';
import { usePurpose } from './consent-texts';
import { texts, useDay, useGrades, useProposals } from './rules-kit';
import {
  type ActFile,
  type Change,
  type Decision,
  decide,
  differences,
  type Mode,
  type Opinion,
  type Proposal,
} from './rules-model';

/** Decided ones that stay in sight. */
const MOST_DECIDED = 5;
/** What a decision changes. */
const KEYS = ['rule-proposals', 'local-acts', 'norms', 'hours-norms', 'planning-rules', 'consent-texts', 'load-policy'];
const TONES = { proposed: 'wait', confirmed: 'good', declined: 'bad', withdrawn: undefined } as const;

export function ProposalsPanel() {
  const t = useTexts(texts);
  const client = useQueryClient();
  const proposals = useProposals();
  const [declined, setDeclined] = useState<string>();
  const refresh = () => KEYS.forEach((key) => void client.invalidateQueries({ queryKey: [key] }));
  const doing = useMutation({
    mutationFn: ({ id, decision }: { id: string; decision: Decision }) => decide(id, decision),
    // Also after a refusal: somebody else may have decided, or the row has changed.
    onSettled: refresh,
  });
  if (proposals.isError && !proposals.data) {
    return (
      <Panel title={t('proposals')}>
        <Refused refusal={refusalOf(proposals.error)} />
      </Panel>
    );
  }
  // Also whoever may neither propose nor decide.
  if (!proposals.data) return null;
  const { decides, items } = proposals.data;
  const refusal = doing.isError ? refusalOf(doing.error) : undefined;
  if (decides && items.length === 0) return null;
  const waiting = items.filter((proposal) => proposal.state === 'proposed');
  const decided = items.filter((proposal) => proposal.state !== 'proposed').slice(0, MOST_DECIDED);
  return (
    <Panel title={t('proposals')}>
      {(!decides || waiting.length > 0) && (
        <p className={styles.soft}>{t(decides ? 'proposals_waiting' : 'proposals_yours')}</p>
      )}
      {refusal?.code === 'version_conflict' ? (
        <Notice tone="error" alert>
          {t('stale')}
        </Notice>
      ) : (
        refusal && <Refused refusal={refusal} />
      )}
      {items.length === 0 && <Empty title={t('proposals_empty')} icon="info" />}
      <ul className={styles.list}>
        {[...waiting, ...decided].map((proposal) => (
          <One key={proposal.id} proposal={proposal}>
            {proposal.may.map((decision) => (
              <Button
                key={decision}
                size="compact-sm"
                variant={decision === 'confirm' ? 'filled' : 'default'}
                loading={doing.isPending && doing.variables.id === proposal.id && doing.variables.decision === decision}
                onClick={() =>
                  decision === 'decline' ? setDeclined(proposal.id) : doing.mutate({ id: proposal.id, decision })
                }
              >
                {t(decision)}
              </Button>
            ))}
          </One>
        ))}
      </ul>
      <ReasonDialog
        opened={declined !== undefined}
        onClose={() => setDeclined(undefined)}
        title={t('decline_title')}
        action={t('decline')}
        danger
        onDone={async (reason) => {
          try {
            if (declined) await decide(declined, 'decline', reason);
          } finally {
            refresh();
          }
        }}
      />
    </Panel>
  );
}

function One({ proposal, children }: { proposal: Proposal; children: ReactNode[] }) {
  const t = useTexts(texts);
  const day = useDay();
  const title = useTitleOf();
  const when = (at: string) => day(dayKey(Date.parse(at)));
  const { state, reason, decided_by: by, decided_at: at } = proposal;
  return (
    <li className={styles.date}>
      <div className={styles.dateTop}>
        {title(proposal.change)}
        <span className={styles.badge} data-tone={TONES[state]}>
          {t(`state_${state}`)}
        </span>
      </div>
      <div className={styles.soft}>
        {t('proposal_by', { name: proposal.proposed_by, when: when(proposal.proposed_at) })}
      </div>
      {by && at && state !== 'withdrawn' && (
        <div className={styles.soft}>
          {t(`state_${state}`)}: {t('proposal_done', { name: by, when: when(at) })}
        </div>
      )}
      {reason && <div>{reason}</div>}
      {state === 'proposed' && <Differences proposal={proposal} />}
      {state === 'proposed' && proposal.change.kind === 'text' && <p className={styles.soft}>{t('text_outdates')}</p>}
      {proposal.is_stale && <Notice tone="wait">{t('stale')}</Notice>}
      {children.length > 0 && <div className={styles.actions}>{children}</div>}
    </li>
  );
}

function useTitleOf() {
  const t = useTexts(texts);
  const grades = useGrades();
  const words = useRefusalWords();
  const purpose = usePurpose();
  return (change: Change): string => {
    switch (change.kind) {
      case 'act':
        return t('proposal_act', { number: change.row.number });
      case 'norm':
        return t('proposal_norm', { grades: grades(change.row) });
      case 'hours':
        return t('proposal_hours', { grades: grades(change.row) });
      case 'mode': {
        const { rule } = change.row;
        return t('proposal_mode', { what: isErrorCode(rule) ? words(rule).title : rule });
      }
      case 'text':
        return t('proposal_text', { what: purpose(change.row.purpose) });
      case 'load':
        return t('proposal_load');
    }
  };
}

const LABELS = {
  number: 'act_number',
  dated: 'act_dated',
  title: 'act_title',
  basis: 'act_basis',
  body: 'text_body',
  grade_from: 'grade_from',
  grade_to: 'grade_to',
  per_lesson: 'per_lesson',
  per_day_home: 'per_day',
  earliest: 'earliest',
  latest: 'latest',
  code: 'code',
  source: 'source',
  mode: 'mode',
  opinions: 'act_opinions',
  file: 'act_file_label',
  count: 'waiting_count',
  minutes: 'waiting_minutes',
  valid_from: 'valid_from',
  valid_to: 'valid_to',
} as const;
const DAYS = ['dated', 'valid_from', 'valid_to'];

/** A table of what is other than before. */
function Differences({ proposal }: { proposal: Proposal }) {
  const t = useTexts(texts);
  const day = useDay();
  const said = (name: string, value: unknown): ReactNode => {
    if (value === undefined || value === null || value === '') return t('nothing');
    if (DAYS.includes(name)) return day(String(value));
    if (name === 'opinions') {
      const said = (value as Opinion[]).map((one) => t('act_opinion', { ...one, date: day(one.dated) }));
      return said.length > 0 ? said.join('; ') : t('nothing');
    }
    if (name === 'file') {
      const { url, name: called, size_bytes } = value as ActFile;
      return (
        <a href={url} download={called}>
          {t('act_file', { name: called, size: Math.max(1, Math.round(size_bytes / 1024)) })}
        </a>
      );
    }
    if (name === 'count') return t(value === 'never' ? 'waiting_never' : 'waiting_waited');
    return name === 'mode' ? t(`mode_${value as Mode}`) : String(value);
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard.
    <section className={styles.scroll} tabIndex={0} aria-label={t('proposals')}>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">{t('what')}</th>
            {proposal.was && <th scope="col">{t(proposal.is_stale ? 'before' : 'now')}</th>}
            <th scope="col">{t('next')}</th>
          </tr>
        </thead>
        <tbody>
          {differences(proposal).map(([name, before, next]) => (
            <tr key={name}>
              <th scope="row">{name in LABELS ? t(LABELS[name as keyof typeof LABELS]) : name}</th>
              {proposal.was && <td>{said(name, before)}</td>}
              <td>{said(name, next)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
