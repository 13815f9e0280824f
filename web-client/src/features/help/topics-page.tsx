// Topics by need, with the reasons; the teacher chooses them for a planned consultation and says what they rest on.
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useMe } from '../../shared/me';
import { Dialog } from '../../shared/ui/dialog';
import { useTitle } from '../../shared/ui/use-title';
import type { Ranked, Teaching, TeachingItem } from './api';
import { get } from './api';
import { ChooseFor } from './choose-for';
import styles from './help.module.css';
import { MarksImport } from './marks-import';
import { Answer, Check, Choose, Empty, HELP, useHelp } from './parts';

export default function TopicsPage() {
  const t = useHelp();
  const me = useMe();
  useTitle(t('topics_title'));
  const query = useQuery({ queryKey: [...HELP, 'teaching'], queryFn: () => get<Teaching>('/teaching') });
  const [importing, setImporting] = useState(false);
  return (
    <>
      <div className={styles.top}>
        <h1 className={styles.heading}>{t('topics_title')}</h1>
        {me?.actions.includes('import.marks') && (
          <Button variant="default" onClick={() => setImporting(true)}>
            {t('import_marks')}
          </Button>
        )}
      </div>
      <p className={styles.lead}>{t('topics_lead')}</p>
      <Answer query={query}>
        {({ items }) => {
          const known = items.filter((one) => one.has_programme);
          return known.length === 0 ? (
            <Empty title={t('topics_none')} text={t('topics_none_help')} />
          ) : (
            <Groups items={known} />
          );
        }}
      </Answer>
      <Dialog opened={importing} onClose={() => setImporting(false)} title={t('import_title')} width={640}>
        <MarksImport />
      </Dialog>
    </>
  );
}

function Groups({ items }: { items: TeachingItem[] }) {
  const t = useHelp();
  const keyOf = (one: TeachingItem) => `${one.group} ${one.subject}`;
  const [chosen, setChosen] = useState(items[0] ? keyOf(items[0]) : '');
  const [group, subject] = chosen.split(' ');
  const query = useQuery({
    queryKey: [...HELP, 'ranked', chosen],
    queryFn: () => get<Ranked>(`/topics/ranked?${new URLSearchParams({ group: group ?? '', subject: subject ?? '' })}`),
  });
  return (
    <>
      <div className={styles.filters}>
        <Choose
          label={t('topics_group')}
          value={chosen}
          onChange={setChosen}
          options={items.map((one) => ({
            value: keyOf(one),
            label: [one.class, one.group_name, one.subject_name].filter(Boolean).join(', '),
          }))}
        />
      </div>
      <Answer query={query}>
        {(ranked) => <List key={chosen} ranked={ranked} group={group ?? ''} subject={subject ?? ''} />}
      </Answer>
    </>
  );
}

function useReasons() {
  const t = useHelp();
  const mark = (hundredths: number) => (hundredths / 100).toFixed(2).replace('.', ',');
  return {
    mark,
    reason: ({ kind, value, of }: Ranked['topics'][number]['reasons'][number]): string => {
      switch (kind) {
        case 'below_three':
          return t('reason_below_three', { value, of: of ?? 0 });
        case 'low_mean':
          return t('reason_low_mean', { value: mark(value) });
        case 'requests':
          return t('reason_requests', { count: value });
        case 'votes':
          return t('reason_votes', { count: value });
        case 'missed':
          return t('reason_missed', { count: value });
        case 'held_lately':
          return t('reason_held_lately', { count: value });
        case 'planned':
          return t('reason_planned');
        default:
          return t('reason_never_held');
      }
    },
    finding: (rule: string, value: number): string => {
      switch (rule) {
        case 'low_mean':
          return t('finding_low_mean', { value: mark(value) });
        case 'drop':
          return t('finding_drop', { value: mark(value) });
        case 'failed_marks':
          return t('finding_failed_marks', { count: value });
        default:
          return t('finding_missed_work', { count: value });
      }
    },
  };
}

function List({ ranked, group, subject }: { ranked: Ranked; group: string; subject: string }) {
  const t = useHelp();
  const { reason, finding } = useReasons();
  const [topics, setTopics] = useState<string[]>([]);
  const toggle = (id: string) =>
    setTopics((before) => (before.includes(id) ? before.filter((one) => one !== id) : [...before, id]));
  const byStudent = new Map<string, { name: string; what: string[] }>();
  for (const one of ranked.findings) {
    const entry = byStudent.get(one.student) ?? { name: one.student_name, what: [] };
    entry.what.push(finding(one.rule, one.value));
    byStudent.set(one.student, entry);
  }
  return (
    <div className={styles.two}>
      <section aria-label={t('topics_title')}>
        <ol className={styles.list}>
          {ranked.topics.map((topic) => (
            <li key={topic.id} className={styles.card} data-chosen={topics.includes(topic.id) || undefined}>
              <div className={styles.row} style={{ flexWrap: 'nowrap', alignItems: 'flex-start' }}>
                <span className={styles.score} title={t('topics_score', { score: topic.score })}>
                  {topic.score}
                </span>
                <div style={{ minWidth: 0, flex: 1 }}>
                  <Check
                    label={<span className={styles.title}>{topic.title}</span>}
                    checked={topics.includes(topic.id)}
                    onChange={() => toggle(topic.id)}
                  />
                  <p className={styles.soft}>{topic.part}</p>
                </div>
              </div>
              <div className={styles.reasons}>
                {topic.reasons.length === 0 && <span className={styles.soft}>{t('topics_plain')}</span>}
                {topic.reasons.map((one) => (
                  <span
                    key={one.kind}
                    className={styles.badge}
                    data-tone={one.points > 20 ? 'late' : one.points > 0 ? 'soon' : 'good'}
                  >
                    {reason(one)} {t('points', { sign: one.points > 0 ? '+' : '−', points: Math.abs(one.points) })}
                  </span>
                ))}
              </div>
            </li>
          ))}
        </ol>
        {byStudent.size > 0 && (
          <>
            <h2 className={styles.section}>{t('findings_title')}</h2>
            <ul className={styles.list}>
              {[...byStudent].map(([id, { name, what }]) => (
                <li key={id} className={styles.row}>
                  <span>{name}</span>
                  {what.map((one) => (
                    <span key={one} className={styles.badge} data-tone="soon">
                      {one}
                    </span>
                  ))}
                </li>
              ))}
            </ul>
          </>
        )}
      </section>
      <ChooseFor ranked={ranked} topics={topics} group={group} subject={subject} />
    </div>
  );
}
