// Requests: one's own, those of the class without names, the inbox of those who answer, and one request opened.
import { Button, SegmentedControl } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { formatShortDay } from '../../shared/i18n/format';
import { useLocale } from '../../shared/i18n/use-texts';
import { useMe } from '../../shared/me';
import { Dialog } from '../../shared/ui/dialog';
import { useTitle } from '../../shared/ui/use-title';
import type { HelpRequest, Teaching } from './api';
import { get, post, remove } from './api';
import { AskForm } from './ask-form';
import styles from './help.module.css';
import { Answer, Choose, Empty, HELP, Trouble, useAct, useHelp } from './parts';
import { OneRequest } from './request-view';

type Tab = 'mine' | 'peers' | 'inbox';

export default function RequestsPage() {
  const t = useHelp();
  const me = useMe();
  const navigate = useNavigate();
  const opened = useParams({ strict: false }).request;
  const actions = me?.actions ?? [];
  const tabs: Tab[] = [];
  if (actions.includes('request.triage')) tabs.push('inbox');
  if (actions.includes('request.create')) tabs.push('mine', 'peers');
  const [chosen, setChosen] = useState<Tab>();
  const tab = chosen ?? tabs[0] ?? 'mine';
  const [asking, setAsking] = useState(false);
  useTitle(t('requests_title'));
  const open = (id: string | undefined) =>
    void (id === undefined
      ? navigate({ to: '/requests' })
      : navigate({ to: '/requests/$request', params: { request: id } as never }));

  return (
    <>
      <div className={styles.top}>
        <h1 className={styles.heading}>{t('requests_title')}</h1>
        {actions.includes('request.create') && <Button onClick={() => setAsking(true)}>{t('ask')}</Button>}
      </div>
      {tabs.length > 1 && (
        <div className={styles.filters}>
          <SegmentedControl
            className={styles.tabs}
            aria-label={t('requests_title')}
            value={tab}
            onChange={(value) => setChosen(value as Tab)}
            data={tabs.map((value) => ({ value, label: t(`tab_${value}`) }))}
          />
        </div>
      )}
      {tab === 'inbox' ? <Inbox onOpen={open} /> : <Plain tab={tab} onOpen={open} />}
      <Dialog opened={asking} onClose={() => setAsking(false)} title={t('ask_title')} width={620}>
        <AskForm
          onDone={(id) => {
            setAsking(false);
            setChosen('mine');
            open(id);
          }}
        />
      </Dialog>
      <Dialog opened={opened !== undefined} onClose={() => open(undefined)} title={t('ask_title')} width={760}>
        {opened && <OneRequest id={opened} />}
      </Dialog>
    </>
  );
}

function Plain({ tab, onOpen }: { tab: 'mine' | 'peers'; onOpen: (id: string) => void }) {
  const t = useHelp();
  const query = useQuery({
    queryKey: [...HELP, 'requests', tab],
    queryFn: () => get<{ items: HelpRequest[] }>(tab === 'mine' ? '/requests' : '/requests/peers'),
  });
  return (
    <Answer query={query}>
      {({ items }) =>
        items.length === 0 ? (
          <Empty title={t(`none_${tab}`)} text={tab === 'mine' ? t('none_mine_help') : undefined} />
        ) : (
          <div className={styles.grid}>
            {items.map((item) => (
              <Card key={item.id} item={item} onOpen={onOpen} />
            ))}
          </div>
        )
      }
    </Answer>
  );
}

function Inbox({ onOpen }: { onOpen: (id: string) => void }) {
  const t = useHelp();
  const [state, setState] = useState('open');
  const [sla, setSla] = useState('');
  const [subject, setSubject] = useState('');
  const teaching = useQuery({ queryKey: [...HELP, 'teaching'], queryFn: () => get<Teaching>('/teaching') });
  const query = useQuery({
    queryKey: [...HELP, 'requests', 'inbox', state, sla, subject],
    queryFn: () => {
      const search = new URLSearchParams({ state });
      if (sla) search.set('sla', sla);
      if (subject) search.set('subject', subject);
      return get<{ items: HelpRequest[] }>(`/requests/inbox?${search}`);
    },
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  });
  const subjects = new Map((teaching.data?.items ?? []).map((one) => [one.subject, one.subject_name]));
  const filtered = state !== 'open' || sla !== '' || subject !== '';
  return (
    <>
      <div className={styles.filters}>
        <Choose
          label={t('filter_state')}
          value={state}
          onChange={setState}
          options={[
            { value: 'open', label: t('filter_open') },
            { value: 'all', label: t('filter_all') },
            ...(['submitted', 'accepted', 'scheduled', 'answered', 'closed', 'declined'] as const).map((value) => ({
              value,
              label: t(`state_${value}`),
            })),
          ]}
        />
        <Choose
          label={t('filter_sla')}
          value={sla}
          onChange={setSla}
          options={[
            { value: '', label: t('filter_sla_any') },
            ...(['late', 'soon', 'fine'] as const).map((value) => ({ value, label: t(`filter_sla_${value}`) })),
          ]}
        />
        {subjects.size > 1 && (
          <Choose
            label={t('filter_subject')}
            value={subject}
            onChange={setSubject}
            options={[
              { value: '', label: t('filter_all') },
              ...[...subjects].map(([value, label]) => ({ value, label })),
            ]}
          />
        )}
      </div>
      <Answer query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={t(filtered ? 'none_filtered' : 'none_inbox')} />
          ) : (
            <div className={styles.grid}>
              {items.map((item) => (
                <Card key={item.id} item={item} onOpen={onOpen} />
              ))}
            </div>
          )
        }
      </Answer>
    </>
  );
}

export function SlaBadge({ item }: { item: HelpRequest }) {
  const t = useHelp();
  const locale = useLocale();
  const zone = useMe()?.school.tz;
  if (item.sla === 'met') return <span className={styles.badge}>{t('sla_met')}</span>;
  // Due with the end of a day: the day itself is what people remember.
  const due = item.state === 'submitted' ? item.first_response_due : item.help_due;
  const time = formatShortDay(Date.parse(due) - 1, locale, zone);
  return (
    <span className={styles.badge} data-tone={item.sla}>
      {t(`sla_${item.sla}`, { time })}
    </span>
  );
}

function Card({ item, onOpen }: { item: HelpRequest; onOpen: (id: string) => void }) {
  const t = useHelp();
  const me = useMe();
  const act = useAct((vote: { student?: string; off?: boolean }) =>
    vote.off
      ? remove(`/requests/${item.id}/vote`, { student: vote.student })
      : post(`/requests/${item.id}/vote`, { student: vote.student }),
  );
  const owed = ['submitted', 'accepted', 'scheduled', 'reopened'].includes(item.state);
  // A guardian votes for the child of that class.
  const child = me?.wards.find((ward) => ward.class === item.class)?.id;
  const isStudent = me?.roles.some(({ role }) => role === 'student');
  const hasVoted = item.voted.length > 0;
  return (
    <article className={styles.card} data-tone={owed ? item.sla : undefined}>
      <div className={`${styles.row} ${styles.between}`}>
        <span
          className={styles.badge}
          data-tone={item.state === 'answered' || item.state === 'closed' ? 'good' : undefined}
        >
          {t(`state_${item.state}`)}
        </span>
        {owed && <SlaBadge item={item} />}
      </div>
      <h2 className={styles.title}>{[item.subject.name, item.topic?.name].filter(Boolean).join(': ')}</h2>
      <p className={`${styles.text} ${styles.clip}`}>{item.text}</p>
      <p className={styles.soft}>
        {[
          item.class,
          item.student &&
            (item.author && item.author.id !== item.student.id
              ? t('for_child', { author: item.author.display_name, student: item.student.display_name })
              : t('from_whom', { student: item.student.display_name })),
        ]
          .filter(Boolean)
          .join(' · ')}
      </p>
      {item.votes > 0 && <p className={styles.soft}>{t('votes', { count: item.votes })}</p>}
      <Trouble error={act.error} />
      <div className={styles.actions}>
        {item.student && (
          <Button
            variant="light"
            size="sm"
            onClick={() => onOpen(item.id)}
            aria-label={`${t('open_request')}: ${item.text.slice(0, 60)}`}
          >
            {t('open_request')}
          </Button>
        )}
        {item.may.includes('vote') && (isStudent || child) && (
          <Button
            variant={hasVoted ? 'filled' : 'outline'}
            size="sm"
            aria-pressed={hasVoted}
            loading={act.isPending}
            onClick={() => act.mutate({ student: isStudent ? undefined : child, off: hasVoted })}
          >
            {t(hasVoted ? 'voted' : 'vote')}
          </Button>
        )}
      </div>
    </article>
  );
}
