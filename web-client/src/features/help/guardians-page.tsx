// Links between guardians and children: confirmed by the homeroom teacher, ended by decision, with rights and dates.
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Dialog } from '../../shared/ui/dialog';
import { useTitle } from '../../shared/ui/use-title';
import type { Link, Right } from './api';
import { get, post, put, remove } from './api';
import styles from './help.module.css';
import { Answer, Check, Choose, Empty, HELP, Line, Trouble, useAct, useHelp } from './parts';

const RIGHTS: readonly Right[] = ['view', 'book', 'attend', 'message', 'consent'];

export default function GuardiansPage() {
  const t = useHelp();
  useTitle(t('guardians_title'));
  const query = useQuery({
    queryKey: [...HELP, 'links'],
    queryFn: () => get<{ items: Link[] }>('/guardian-links'),
  });
  return (
    <>
      <div className={styles.top}>
        <h1 className={styles.heading}>{t('guardians_title')}</h1>
      </div>
      <Answer query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={t('guardians_none')} />
          ) : (
            <div className={styles.grid}>
              {items.map((link) => (
                <Card key={link.id} link={link} />
              ))}
            </div>
          )
        }
      </Answer>
    </>
  );
}

function day(iso: string): string {
  const [year, month, date] = iso.split('-');
  return `${date}.${month}.${year}`;
}

function Card({ link }: { link: Link }) {
  const t = useHelp();
  const [open, setOpen] = useState<'end' | Right>();
  const [reason, setReason] = useState('school');
  const [text, setText] = useState('');
  const act = useAct(
    (run: () => Promise<unknown>) => run(),
    () => setOpen(undefined),
  );
  const set = link.rights.find((one) => one.right === open);
  const name = t('link_of', { guardian: link.guardian.display_name, student: link.student.display_name });
  const relation = ['mother', 'father', 'guardian'].includes(link.relation)
    ? t(`relation_${link.relation as 'mother'}`)
    : link.relation;
  return (
    <article className={styles.card} data-tone={link.state === 'proposed' ? 'soon' : undefined}>
      <div className={`${styles.row} ${styles.between}`}>
        <span
          className={styles.badge}
          data-tone={link.state === 'confirmed' ? 'good' : link.state === 'proposed' ? 'soon' : undefined}
        >
          {t(`gstate_${link.state}`)}
          {link.reason && `: ${t(`greason_${link.reason}`)}`}
        </span>
        {link.class && <span className={styles.badge}>{link.class}</span>}
      </div>
      <h2 className={styles.title}>{name}</h2>
      <p className={styles.soft}>
        {[relation, link.adult_on && t('link_adult_on', { date: day(link.adult_on) })].filter(Boolean).join(' · ')}
      </p>
      {link.state === 'confirmed' && (
        <div className={styles.reasons}>
          {link.rights.map((one) => {
            const words = [
              t(`right_${one.right}`),
              one.from && t('right_from', { date: day(one.from) }),
              one.to && t('right_to', { date: day(one.to) }),
            ]
              .filter(Boolean)
              .join(' ');
            return link.may.includes('rights') ? (
              <Button
                key={one.right}
                size="compact-sm"
                variant={one.granted ? 'light' : 'default'}
                aria-label={`${t('link_rights')}: ${words}, ${link.guardian.display_name}`}
                onClick={() => setOpen(one.right)}
              >
                {one.granted ? words : <s>{words}</s>}
              </Button>
            ) : (
              <span key={one.right} className={styles.badge} data-tone={one.granted ? 'good' : undefined}>
                {one.granted ? words : <s>{words}</s>}
              </span>
            );
          })}
        </div>
      )}
      <Trouble error={open === undefined ? act.error : undefined} />
      <div className={styles.actions}>
        {link.may.includes('confirm') && (
          <Button
            size="sm"
            loading={act.isPending}
            onClick={() => act.mutate(() => post(`/guardian-links/${link.id}/confirm`))}
          >
            {t('link_confirm')}
          </Button>
        )}
        {link.may.includes('end') && (
          <Button size="sm" variant="default" onClick={() => setOpen('end')} aria-label={`${t('link_end')}: ${name}`}>
            {t('link_end')}
          </Button>
        )}
        {link.may.includes('grant') && (
          <Button size="sm" onClick={() => act.mutate(() => post('/adult-grants', { guardian: link.guardian.id }))}>
            {t('link_grant')}
          </Button>
        )}
        {link.may.includes('take_back') && (
          <Button
            size="sm"
            variant="default"
            onClick={() => act.mutate(() => remove('/adult-grants', { guardian: link.guardian.id }))}
          >
            {t('link_take_back')}
          </Button>
        )}
      </div>
      <Dialog opened={open === 'end'} onClose={() => setOpen(undefined)} title={`${t('link_end_title')}: ${name}`}>
        <div className={styles.form}>
          <Choose
            label={t('link_reason')}
            value={reason}
            onChange={setReason}
            options={(['school', 'court', 'error'] as const).map((value) => ({ value, label: t(`greason_${value}`) }))}
          />
          <Line label={t('link_reason_text')} value={text} onChange={setText} />
          <Trouble error={act.error} />
          <div className={styles.actions}>
            <Button
              loading={act.isPending}
              disabled={reason === 'court' && text.trim() === ''}
              onClick={() => act.mutate(() => post(`/guardian-links/${link.id}/end`, { reason, text }))}
            >
              {t('link_end')}
            </Button>
          </div>
        </div>
      </Dialog>
      <Dialog
        opened={RIGHTS.includes(open as Right)}
        onClose={() => setOpen(undefined)}
        title={set ? `${t('link_rights')}: ${t(`right_${set.right}`)}` : ''}
      >
        {set && (
          <RightForm
            set={set}
            error={act.error}
            pending={act.isPending}
            onSave={(body) => act.mutate(() => put(`/guardian-links/${link.id}/rights`, body))}
          />
        )}
      </Dialog>
    </article>
  );
}

type RightProps = {
  set: Link['rights'][number];
  error: unknown;
  pending: boolean;
  onSave: (body: { right: Right; granted: boolean; from?: string; to?: string }) => void;
};

function RightForm({ set, error, pending, onSave }: RightProps) {
  const t = useHelp();
  const [granted, setGranted] = useState(set.granted);
  const [from, setFrom] = useState(set.from ?? '');
  const [to, setTo] = useState(set.to ?? '');
  return (
    <div className={styles.form}>
      <Check label={t('right_granted')} checked={granted} onChange={setGranted} />
      <Line label={t('right_from_label')} type="date" value={from} onChange={setFrom} />
      <Line label={t('right_to_label')} type="date" value={to} onChange={setTo} />
      <Trouble error={error} />
      <div className={styles.actions}>
        <Button
          loading={pending}
          onClick={() => onSave({ right: set.right, granted, from: from || undefined, to: to || undefined })}
        >
          {t('notes_save')}
        </Button>
      </div>
    </div>
  );
}
