// Feedback that is still to be given, what recipients say of one's own consultations, and complaints.
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useMe } from '../../shared/me';
import { Dialog } from '../../shared/ui/dialog';
import { useTitle } from '../../shared/ui/use-title';
import type { Complaint, Due, HostFeedback } from './api';
import { get, post } from './api';
import FeedbackForm, { ComplaintForm } from './feedback-form';
import styles from './help.module.css';
import { Answer, Empty, HELP, Text, Trouble, useAct, useHelp, useMoment } from './parts';

export default function FeedbackPage() {
  const t = useHelp();
  const me = useMe();
  useTitle(t('feedback_title'));
  const gives = me?.roles.some(({ role }) => role === 'student' || role === 'guardian');
  const hosts = me?.roles.some(({ role }) => role !== 'student' && role !== 'guardian' && role !== 'admin');
  return (
    <>
      <div className={styles.top}>
        <h1 className={styles.heading}>{t('feedback_title')}</h1>
      </div>
      {gives && <ToGive />}
      {hosts && <Mine />}
      <Complaints />
    </>
  );
}

function ToGive() {
  const t = useHelp();
  const moment = useMoment();
  const query = useQuery({ queryKey: [...HELP, 'due'], queryFn: () => get<Due>('/feedback/due') });
  const [open, setOpen] = useState<{ id: string; what: 'feedback' | 'complaint' }>();
  return (
    <>
      <h2 className={styles.section}>{t('feedback_due')}</h2>
      <Answer query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={t('feedback_due_none')} />
          ) : (
            <div className={styles.grid}>
              {items.map((one) => (
                <article key={one.id} className={styles.card}>
                  <h3 className={styles.title}>{one.subject ?? one.title}</h3>
                  <p className={styles.soft}>
                    {moment(one.start)} · {one.host.display_name}
                  </p>
                  <div className={styles.actions}>
                    <Button size="sm" onClick={() => setOpen({ id: one.id, what: 'feedback' })}>
                      {t('feedback_helped')}
                    </Button>
                    <Button size="sm" variant="default" onClick={() => setOpen({ id: one.id, what: 'complaint' })}>
                      {t('complain')}
                    </Button>
                  </div>
                </article>
              ))}
            </div>
          )
        }
      </Answer>
      <Dialog
        opened={open !== undefined}
        onClose={() => setOpen(undefined)}
        title={t(open?.what === 'complaint' ? 'complain_title' : 'feedback_helped')}
      >
        {open?.what === 'feedback' && <FeedbackForm consultation={open.id} />}
        {open?.what === 'complaint' && <ComplaintForm consultation={open.id} onDone={() => setOpen(undefined)} />}
      </Dialog>
    </>
  );
}

function Mine() {
  const t = useHelp();
  const query = useQuery({ queryKey: [...HELP, 'mine'], queryFn: () => get<HostFeedback>('/feedback/mine') });
  return (
    <>
      <h2 className={styles.section}>{t('feedback_mine')}</h2>
      <Answer query={query}>
        {({ summary, texts, enough }) =>
          summary ? (
            <div className={styles.card}>
              <p className={styles.title}>
                {t('feedback_mean', { mean: (summary.mean / 100).toFixed(2).replace('.', ','), count: summary.count })}
              </p>
              <p className={styles.text}>
                {t('feedback_helped_share', { helped: summary.helped, count: summary.count })}
              </p>
              <ul className={styles.list}>
                {texts.map((text) => (
                  <li key={text} className={styles.answer}>
                    {text}
                  </li>
                ))}
              </ul>
            </div>
          ) : (
            <Empty title={t('feedback_few', { count: enough })} />
          )
        }
      </Answer>
    </>
  );
}

function Complaints() {
  const t = useHelp();
  const query = useQuery({
    queryKey: [...HELP, 'complaints'],
    queryFn: () => get<{ items: Complaint[] }>('/complaints'),
  });
  return (
    <>
      <h2 className={styles.section}>{t('complaints_title')}</h2>
      <Answer query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={t('complaints_none')} />
          ) : (
            <div className={styles.grid}>
              {items.map((one) => (
                <Card key={one.id} one={one} />
              ))}
            </div>
          )
        }
      </Answer>
    </>
  );
}

function Card({ one }: { one: Complaint }) {
  const t = useHelp();
  const moment = useMoment();
  const [open, setOpen] = useState<'answer' | 'close'>();
  const [text, setText] = useState('');
  const act = useAct(
    (what: 'answer' | 'close') => post(`/complaints/${one.id}/${what}`, { text }),
    () => {
      setOpen(undefined);
      setText('');
    },
  );
  return (
    <article className={styles.card}>
      <div className={`${styles.row} ${styles.between}`}>
        <span className={styles.badge}>{t(`ckind_${one.kind}`)}</span>
        <span className={styles.badge} data-tone={one.state === 'closed' ? 'good' : 'soon'}>
          {t(`cstate_${one.state}`)}
        </span>
      </div>
      <h3 className={styles.title}>{one.title}</h3>
      <p className={styles.soft}>
        {[moment(one.start), one.host.display_name, one.author?.display_name].filter(Boolean).join(' · ')}
      </p>
      <p className={styles.text}>{one.text}</p>
      {one.answers.map((answer) => (
        <div key={answer.at} className={styles.answer}>
          <p className={styles.soft}>{t('answer_of', { name: answer.by.display_name })}</p>
          <p className={styles.text}>{answer.text}</p>
        </div>
      ))}
      {one.decision && <p className={styles.text}>{t('complaint_decision', { text: one.decision })}</p>}
      <div className={styles.actions}>
        {one.may.includes('answer') && (
          <Button size="sm" onClick={() => setOpen('answer')}>
            {t('complaint_answer')}
          </Button>
        )}
        {one.may.includes('close') && (
          <Button size="sm" variant="light" onClick={() => setOpen('close')}>
            {t('complaint_close')}
          </Button>
        )}
      </div>
      <Dialog
        opened={open !== undefined}
        onClose={() => setOpen(undefined)}
        title={t(open === 'close' ? 'complaint_close' : 'complaint_answer')}
      >
        <div className={styles.form}>
          <Text label={t('complaint_text')} value={text} onChange={setText} />
          <Trouble error={act.error} />
          <div className={styles.actions}>
            <Button loading={act.isPending} disabled={text.trim() === ''} onClick={() => open && act.mutate(open)}>
              {t('send')}
            </Button>
          </div>
        </div>
      </Dialog>
    </article>
  );
}
