// One request: what was asked, what became of it, and what the person may do with it.
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { Icon } from '../../shared/ui/icon';
import { Notice } from '../../shared/ui/notice';
import type { HelpRequest, HoursList, Ranked } from './api';
import { get, post, upload } from './api';
import styles from './help.module.css';
import { Answer, Choose, HELP, Text, Trouble, useAct, useHelp, useMoment } from './parts';
import { SlaBadge } from './requests-page';

export function OneRequest({ id }: { id: string }) {
  const query = useQuery({ queryKey: [...HELP, 'request', id], queryFn: () => get<HelpRequest>(`/requests/${id}`) });
  return <Answer query={query}>{(item) => <View item={item} />}</Answer>;
}

function View({ item }: { item: HelpRequest }) {
  const t = useHelp();
  const moment = useMoment();
  return (
    <div className={styles.form}>
      <div className={styles.row}>
        <span className={styles.badge}>{t(`state_${item.state}`)}</span>
        {['submitted', 'accepted', 'scheduled', 'reopened'].includes(item.state) && <SlaBadge item={item} />}
        {item.votes > 0 && <span className={styles.badge}>{t('votes', { count: item.votes })}</span>}
      </div>
      <h3 className={styles.title}>{[item.subject.name, item.topic?.name].filter(Boolean).join(': ')}</h3>
      {item.student && (
        <p className={styles.soft}>
          {[
            item.class,
            item.author && item.author.id !== item.student.id
              ? t('for_child', { author: item.author.display_name, student: item.student.display_name })
              : item.student.display_name,
            moment(item.created_at),
          ]
            .filter(Boolean)
            .join(' · ')}
        </p>
      )}
      <p className={styles.text}>{item.text}</p>
      {(item.wish_form || item.wish_times) && (
        <p className={styles.soft}>
          {[item.wish_form && t(`form_${item.wish_form as 'chat'}`), item.wish_times].filter(Boolean).join(' · ')}
        </p>
      )}
      {item.files.length > 0 && (
        <ul className={styles.list} aria-label={t('files')}>
          {item.files.map((file) => (
            <li key={file.id} className={styles.row}>
              <Icon name="link" size={16} />
              <a href={file.url} download>
                {file.name}
              </a>
            </li>
          ))}
        </ul>
      )}
      {item.consultation && (
        <p className={styles.answer}>
          {t('state_scheduled')}:{' '}
          {t('consultation_at', { title: item.consultation.title, time: moment(item.consultation.start) })}
        </p>
      )}
      {item.is_missed && <Notice tone="info">{t('missed')}</Notice>}
      {item.answer && (
        <div className={styles.answer}>
          <p className={styles.soft}>{t('answer_of', { name: item.answered_by ?? '' })}</p>
          <p className={styles.text}>{item.answer}</p>
        </div>
      )}
      {item.decline && (
        <p className={styles.answer}>{[t(`declined_${item.decline}`), item.decline_text].filter(Boolean).join(': ')}</p>
      )}
      <Acts item={item} />
      {item.steps.length > 0 && (
        <section>
          <h3 className={styles.section}>{t('steps')}</h3>
          <ol className={styles.steps}>
            {item.steps.map((step) => (
              <li key={`${step.at} ${step.to}`}>
                <span>
                  {step.by ? t('step_by', { state: t(`state_${step.to}`), name: step.by }) : t(`state_${step.to}`)}
                </span>{' '}
                <span className={styles.soft}>{moment(step.at)}</span>
                {step.reason && <p className={styles.soft}>{step.reason}</p>}
              </li>
            ))}
          </ol>
        </section>
      )}
    </div>
  );
}

type Open = 'answer' | 'decline' | 'reopen' | 'schedule';

function Acts({ item }: { item: HelpRequest }) {
  const t = useHelp();
  const [open, setOpen] = useState<Open>();
  const [text, setText] = useState('');
  const [reason, setReason] = useState('not_programme');
  const close = () => {
    setOpen(undefined);
    setText('');
  };
  const act = useAct((run: () => Promise<unknown>) => run(), close);
  const path = `/requests/${item.id}`;
  const may = (what: HelpRequest['may'][number]) => item.may.includes(what);
  const submit = (run: () => Promise<unknown>, body: ReactNode, disabled = false) => (
    <form
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        act.mutate(run);
      }}
    >
      {body}
      <div className={styles.actions}>
        <Button type="submit" loading={act.isPending} disabled={disabled}>
          {t('send')}
        </Button>
        <Button variant="default" onClick={close}>
          {t('cancel')}
        </Button>
      </div>
    </form>
  );
  return (
    <>
      <Trouble error={act.error} />
      {open === undefined && (
        <div className={styles.actions}>
          {may('answer') && <Button onClick={() => setOpen('answer')}>{t('act_answer')}</Button>}
          {may('accept') && (
            <Button variant="light" onClick={() => act.mutate(() => post(`${path}/triage`, { act: 'accept' }))}>
              {t('act_accept')}
            </Button>
          )}
          {may('schedule') && (
            <Button variant="light" onClick={() => setOpen('schedule')}>
              {t('act_schedule')}
            </Button>
          )}
          {may('decline') && (
            <Button variant="default" onClick={() => setOpen('decline')}>
              {t('act_decline')}
            </Button>
          )}
          {may('close') && <Button onClick={() => act.mutate(() => post(`${path}/close`))}>{t('act_close')}</Button>}
          {may('reopen') && (
            <Button variant="light" onClick={() => setOpen('reopen')}>
              {t('act_reopen')}
            </Button>
          )}
          {may('attach') && <Attach path={path} />}
          {may('withdraw') && (
            <Button variant="default" onClick={() => act.mutate(() => post(`${path}/withdraw`))}>
              {t('act_withdraw')}
            </Button>
          )}
        </div>
      )}
      {open === 'answer' &&
        submit(
          () => post(`${path}/answer`, { text }),
          <Text label={t('answer_text')} value={text} onChange={setText} />,
          text.trim() === '',
        )}
      {open === 'reopen' &&
        submit(
          () => post(`${path}/reopen`, { reason: text }),
          <Text label={t('reopen_reason')} value={text} onChange={setText} most={500} />,
          text.trim() === '',
        )}
      {open === 'decline' &&
        submit(
          () => post(`${path}/triage`, { act: 'decline', reason, text }),
          <>
            <Choose
              label={t('decline_reason')}
              value={reason}
              onChange={setReason}
              options={(['not_programme', 'duplicate', 'out_of_right', 'other'] as const).map((value) => ({
                value,
                label: t(`declined_${value}`),
              }))}
            />
            <Text label={t('decline_text')} value={text} onChange={setText} most={500} />
          </>,
          reason === 'other' && text.trim() === '',
        )}
      {open === 'schedule' && (
        <Schedule item={item} onPick={(body) => act.mutate(() => post(`${path}/triage`, body))} onClose={close} />
      )}
    </>
  );
}

function Attach({ path }: { path: string }) {
  const t = useHelp();
  const act = useAct((file: File) =>
    upload(`${path}/files?name=${encodeURIComponent(file.name)}`, file, 'application/octet-stream'),
  );
  return (
    <>
      <Button component="label" variant="default" loading={act.isPending}>
        {t('act_attach')}
        <input
          type="file"
          hidden
          onChange={(event) => {
            const file = event.target.files?.[0];
            if (file) act.mutate(file);
          }}
        />
      </Button>
      <Trouble error={act.error} />
    </>
  );
}

/** A planned consultation of the group, or a free time of the teacher's office hours for this student. */
function Schedule(props: { item: HelpRequest; onPick: (body: unknown) => void; onClose: () => void }) {
  const { item } = props;
  const t = useHelp();
  const moment = useMoment();
  const [chosen, setChosen] = useState('');
  const query = useQuery({
    queryKey: [...HELP, 'places', item.id],
    queryFn: async () => {
      const search = new URLSearchParams({ group: item.group, subject: item.subject.id });
      const [ranked, hours] = await Promise.all([
        get<Ranked>(`/topics/ranked?${search}`).catch(() => undefined),
        get<HoursList>('/office-hours').catch(() => undefined),
      ]);
      const lessons = (ranked?.planned ?? [])
        .filter((one) => one.form !== 'individual')
        .map((one) => ({
          value: `c ${one.id}`,
          label: t('schedule_lesson', { form: t(`form_${one.form as 'chat'}`), time: moment(one.start) }),
        }));
      const times = (hours?.items ?? [])
        .filter((one) => one.class === item.class && one.subject === item.subject.name)
        .flatMap((one) => one.times.filter((time) => time.can_book))
        .map((time) => ({ value: `a ${time.id}`, label: t('schedule_slot', { time: moment(time.starts) }) }));
      return [...lessons, ...times];
    },
  });
  return (
    <Answer query={query}>
      {(places) => {
        if (places.length === 0) return <p className={styles.text}>{t('schedule_none')}</p>;
        const value = chosen || (places[0]?.value ?? '');
        const [kind, id] = value.split(' ');
        return (
          <form
            className={styles.form}
            onSubmit={(event) => {
              event.preventDefault();
              props.onPick({ act: 'schedule', ...(kind === 'c' ? { consultation: id } : { appointment: id }) });
            }}
          >
            <Choose label={t('schedule_where')} value={value} onChange={setChosen} options={places} />
            <div className={styles.actions}>
              <Button type="submit">{t('act_schedule')}</Button>
              <Button variant="default" onClick={props.onClose}>
                {t('cancel')}
              </Button>
            </div>
          </form>
        );
      }}
    </Answer>
  );
}
