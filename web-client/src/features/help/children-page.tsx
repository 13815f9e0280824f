// All children of a guardian on one page, and the way to a new one.
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { Dialog } from '../../shared/ui/dialog';
import { Notice } from '../../shared/ui/notice';
import { useTitle } from '../../shared/ui/use-title';
import type { Child } from './api';
import { get, post } from './api';
import styles from './help.module.css';
import { Answer, Choose, Empty, HELP, Line, Trouble, useAct, useHelp, useMoment } from './parts';

export default function ChildrenPage() {
  const t = useHelp();
  useTitle(t('children_title'));
  const query = useQuery({
    queryKey: [...HELP, 'children'],
    queryFn: () => get<{ items: Child[] }>('/children'),
    refetchInterval: 60_000,
  });
  const [adding, setAdding] = useState(false);
  return (
    <>
      <div className={styles.top}>
        <h1 className={styles.heading}>{t('children_title')}</h1>
        <Button variant="default" onClick={() => setAdding(true)}>
          {t('child_add')}
        </Button>
      </div>
      <Answer query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={t('children_none')} text={t('children_none_help')} />
          ) : (
            <div className={styles.grid}>
              {items.map((child) => (
                <Card key={child.id} child={child} />
              ))}
            </div>
          )
        }
      </Answer>
      <Dialog opened={adding} onClose={() => setAdding(false)} title={t('child_add')}>
        <Add />
      </Dialog>
    </>
  );
}

function Card({ child }: { child: Child }) {
  const t = useHelp();
  const moment = useMoment();
  return (
    <article className={styles.card}>
      <div className={`${styles.row} ${styles.between}`}>
        <h2 className={styles.title}>{child.display_name}</h2>
        <span className={styles.badge}>{child.class}</span>
      </div>
      <p className={styles.soft}>{child.rights.map((right) => t(`right_${right as 'view'}`)).join(', ')}</p>
      <h3 className={styles.title}>{t('child_next')}</h3>
      {child.next.length === 0 ? (
        <p className={styles.soft}>{t('child_next_none')}</p>
      ) : (
        <ul className={styles.list}>
          {child.next.map((one) => (
            <li key={one.id}>
              {moment(one.start)}: {one.subject ?? one.title}
              <p className={styles.soft}>
                {t(`form_${one.form as 'chat'}`)} · {one.host.display_name}
              </p>
            </li>
          ))}
        </ul>
      )}
      <dl className={styles.facts}>
        <dt>{t('child_appointments')}</dt>
        <dd>
          {child.appointments
            .slice(0, 3)
            .map((one) => moment(one.starts))
            .join('; ') || '—'}
          {child.waiting > 0 && <>; {t('child_waiting', { count: child.waiting })}</>}
        </dd>
        <dt>{t('child_requests')}</dt>
        <dd>
          {[
            child.open_requests > 0 && t('child_requests_open', { count: child.open_requests }),
            child.answered_requests > 0 && t('child_requests_answered', { count: child.answered_requests }),
          ]
            .filter(Boolean)
            .join(', ') || '—'}
        </dd>
        <dt>{t('child_attendance')}</dt>
        <dd>
          {child.invited > 0 ? t('child_attendance_of', { attended: child.attended, invited: child.invited }) : '—'}
        </dd>
        <dt>{t('child_findings')}</dt>
        <dd>{child.findings > 0 ? child.findings : '—'}</dd>
      </dl>
      <div className={styles.actions}>
        <Button component={Link} to="/" search={{ ward: child.id } as never} size="sm" variant="light">
          {t('child_all')}
        </Button>
        {child.rights.includes('book') && (
          <Button component={Link} to="/appointments" size="sm" variant="default">
            {t('appointments_title')}
          </Button>
        )}
      </div>
    </article>
  );
}

function Add() {
  const t = useHelp();
  const [code, setCode] = useState('');
  const [born, setBorn] = useState('');
  const [relation, setRelation] = useState('mother');
  const act = useAct(() => post('/guardian-links', { student_code: code, birth_date: born, relation }));
  if (act.isSuccess) return <Notice tone="good" title={t('child_proposed')} />;
  return (
    <form
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        act.mutate(undefined);
      }}
    >
      <p className={styles.text}>{t('children_none_help')}</p>
      <Line label={t('child_code')} value={code} onChange={setCode} />
      <Line label={t('child_birth')} type="date" value={born} onChange={setBorn} />
      <Choose
        label={t('child_relation')}
        value={relation}
        onChange={setRelation}
        options={(['mother', 'father', 'guardian'] as const).map((value) => ({ value, label: t(`relation_${value}`) }))}
      />
      <Trouble error={act.error} />
      <div className={styles.actions}>
        <Button type="submit" loading={act.isPending} disabled={code.trim() === '' || born === ''}>
          {t('send')}
        </Button>
      </div>
    </form>
  );
}
