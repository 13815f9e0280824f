// Individual help: office hours with their times, booking for oneself or a child, the lines, and what is booked.
import { Button, SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { formatDuration } from '../../shared/i18n/format';
import { useLocale } from '../../shared/i18n/use-texts';
import { useMe } from '../../shared/me';
import { Dialog } from '../../shared/ui/dialog';
import { useTitle } from '../../shared/ui/use-title';
import type { Appointment, Hours, HoursList } from './api';
import { get, post, put, remove, upload } from './api';
import styles from './help.module.css';
import {
  Answer,
  Choose,
  Empty,
  Field,
  HELP,
  shortName,
  Text,
  Trouble,
  useAct,
  useClock,
  useHelp,
  useMoment,
} from './parts';

/** A student, or a child of the guardian, for whom something can be booked. */
type Whom = { id: string; name: string; class?: string };

function useWhom(): Whom[] {
  const me = useMe();
  if (!me) return [];
  const own = me.roles.some(({ role }) => role === 'student')
    ? [{ id: me.person.id, name: me.person.display_name }]
    : [];
  return [...own, ...me.wards.map((ward) => ({ id: ward.id, name: ward.display_name, class: ward.class }))];
}

export default function AppointmentsPage() {
  const t = useHelp();
  useTitle(t('appointments_title'));
  const whom = useWhom();
  const [ward, setWard] = useState('all');
  const of = ward === 'all' ? '' : `?student=${ward}`;
  const hours = useQuery({
    queryKey: [...HELP, 'hours', ward],
    queryFn: () => get<HoursList>(`/office-hours${of}`),
    // A place in a line is worth nothing when it is old.
    refetchInterval: (query) =>
      (query.state.data?.items ?? []).some((one) => one.state !== 'planned') ? 4_000 : 30_000,
  });
  const booked = useQuery({
    queryKey: [...HELP, 'appointments', ward],
    queryFn: () => get<{ items: Appointment[] }>(`/appointments${of}`),
    refetchInterval: 30_000,
  });
  return (
    <>
      <div className={styles.top}>
        <h1 className={styles.heading}>{t('appointments_title')}</h1>
        {whom.length > 1 && (
          <SegmentedControl
            className={styles.tabs}
            aria-label={t('children_title')}
            value={ward}
            onChange={setWard}
            data={[
              { value: 'all', label: t('filter_all') },
              ...whom.map((one) => ({ value: one.id, label: shortName(one.name) })),
            ]}
          />
        )}
      </div>
      <Answer query={booked}>{({ items }) => <Booked items={items} hosts={whom.length === 0} />}</Answer>
      <h2 className={styles.section}>{t('hours_title')}</h2>
      <Answer query={hours}>
        {({ items, rules }) => (
          <>
            {whom.length > 0 && <Rules rules={rules} />}
            {items.length === 0 ? (
              <Empty title={t('hours_none')} text={t('hours_none_help')} />
            ) : (
              <div className={styles.grid}>
                {items.map((one) => (
                  <HoursCard key={one.id} hours={one} whom={whom} />
                ))}
              </div>
            )}
          </>
        )}
      </Answer>
    </>
  );
}

function Rules({ rules }: { rules: HoursList['rules'] }) {
  const t = useHelp();
  const locale = useLocale();
  const time = formatDuration(rules.guard_minutes * 60_000, locale);
  return <p className={styles.lead}>{t('guard', { time, with: rules.most_with_host, all: rules.most_in_all })}</p>;
}

function HoursCard({ hours, whom }: { hours: Hours; whom: Whom[] }) {
  const t = useHelp();
  const moment = useMoment();
  const clock = useClock();
  const [booking, setBooking] = useState<Hours['times'][number]>();
  const act = useAct((run: () => Promise<unknown>) => run());
  const path = `/office-hours/${hours.id}`;
  // Only students of that class: the hub refuses the others, the page does not offer them.
  const fitting = whom.filter((one) => one.class === undefined || one.class === hours.class);
  const isOn = hours.state !== 'planned';
  const isFull = !hours.times.some((time) => time.state === 'free');
  const waits = (id: string) => hours.waiting.some((place) => place.student.id === id);
  const queues = (id: string) => hours.queue.some((place) => place.student.id === id);
  const holds = (id: string) => hours.times.some((time) => time.student?.id === id && time.state === 'mine');
  return (
    <article className={styles.card}>
      <div className={`${styles.row} ${styles.between}`}>
        <h3 className={styles.title}>{[hours.subject, hours.class].filter(Boolean).join(', ') || hours.title}</h3>
        {isOn && (
          <span className={styles.badge} data-tone="soon">
            {t('door_open')}
          </span>
        )}
      </div>
      <p className={styles.soft}>
        {moment(hours.start)}–{clock(hours.end)} · {hours.host.display_name}
      </p>
      <ul className={styles.times}>
        {hours.times.map((time) => (
          <li key={time.id}>
            {time.can_book && fitting.length > 0 ? (
              <button
                type="button"
                className={styles.time}
                onClick={() => setBooking(time)}
                aria-label={t('book_time', { time: moment(time.starts), host: hours.host.display_name })}
              >
                {clock(time.starts)}
                <small>{t('time_free')}</small>
              </button>
            ) : (
              <span className={styles.time} data-state={time.state}>
                {clock(time.starts)}
                <small>
                  {time.student ? shortName(time.student.display_name) : t(`time_${time.state as 'taken'}`)}
                </small>
              </span>
            )}
          </li>
        ))}
      </ul>
      {hours.waiting.map((place) => (
        <p key={place.student.id} className={styles.soft}>
          {t('wait_place', { name: shortName(place.student.display_name), place: place.position })}
        </p>
      ))}
      {hours.queue.map((place) => (
        <p key={place.student.id} className={styles.text} role="status">
          <strong>
            {place.position === 1
              ? t('door_next', { name: shortName(place.student.display_name) })
              : t('door_place', { name: shortName(place.student.display_name), place: place.position })}
          </strong>
          {place.message && <span className={styles.soft}> {place.message}</span>}
        </p>
      ))}
      {hours.is_host && hours.waiting_count > 0 && (
        <p className={styles.soft}>{t('wait_count', { count: hours.waiting_count })}</p>
      )}
      <Trouble error={act.error} />
      <div className={styles.actions}>
        {isOn && hours.is_host && (
          <Button
            size="sm"
            disabled={hours.queue_count === 0}
            loading={act.isPending}
            onClick={() => act.mutate(() => post(`${path}/next`))}
          >
            {hours.queue_count === 0 ? t('door_empty') : t('door_call')}
          </Button>
        )}
        {isOn && (hours.is_host || fitting.some((one) => holds(one.id))) && (
          <Button component={Link} to="/room/$room" params={{ room: hours.id } as never} size="sm" variant="light">
            {t('hours_title')}
          </Button>
        )}
        {isOn &&
          fitting
            .filter((one) => !holds(one.id))
            .map((one) => (
              <Button
                key={one.id}
                size="sm"
                variant={queues(one.id) ? 'default' : 'filled'}
                loading={act.isPending}
                onClick={() =>
                  act.mutate(() =>
                    queues(one.id)
                      ? remove(`${path}/queue`, { student: one.id })
                      : post(`${path}/queue`, { student: one.id }),
                  )
                }
              >
                {t(queues(one.id) ? 'door_leave' : 'door_join', { name: shortName(one.name) })}
              </Button>
            ))}
        {!isOn &&
          isFull &&
          fitting
            .filter((one) => !holds(one.id))
            .map((one) => (
              <Button
                key={one.id}
                size="sm"
                variant={waits(one.id) ? 'default' : 'light'}
                loading={act.isPending}
                onClick={() =>
                  act.mutate(() =>
                    waits(one.id)
                      ? remove(`${path}/waiting`, { student: one.id })
                      : post(`${path}/waiting`, { student: one.id }),
                  )
                }
              >
                {waits(one.id)
                  ? t('wait_leave')
                  : fitting.length > 1
                    ? t('wait_join_for', { name: shortName(one.name) })
                    : t('wait_join')}
              </Button>
            ))}
      </div>
      <Dialog
        opened={booking !== undefined}
        onClose={() => setBooking(undefined)}
        title={booking ? t('book_title', { time: moment(booking.starts) }) : ''}
      >
        {booking && <Book time={booking} whom={fitting} onDone={() => setBooking(undefined)} />}
      </Dialog>
    </article>
  );
}

function Book({ time, whom, onDone }: { time: Hours['times'][number]; whom: Whom[]; onDone: () => void }) {
  const t = useHelp();
  const [student, setStudent] = useState(whom[0]?.id ?? '');
  const [message, setMessage] = useState('');
  const [file, setFile] = useState<File>();
  const act = useAct(async () => {
    await post(`/appointments/${time.id}/book`, { student, message: message || undefined });
    if (file) {
      const name = encodeURIComponent(file.name);
      await upload(`/appointments/${time.id}/files?name=${name}`, file, 'application/octet-stream');
    }
  }, onDone);
  return (
    <form
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        act.mutate(undefined);
      }}
    >
      {whom.length > 1 && (
        <Choose
          label={t('book_for')}
          value={student}
          onChange={setStudent}
          options={whom.map((one) => ({ value: one.id, label: one.name }))}
        />
      )}
      <Text label={t('book_message')} value={message} onChange={setMessage} />
      <Field label={t('ask_file')}>
        {(id) => (
          <input id={id} type="file" className={styles.input} onChange={(event) => setFile(event.target.files?.[0])} />
        )}
      </Field>
      <Trouble error={act.error} />
      <div className={styles.actions}>
        <Button type="submit" loading={act.isPending}>
          {t('book_send')}
        </Button>
      </div>
    </form>
  );
}

function Booked({ items, hosts }: { items: Appointment[]; hosts: boolean }) {
  const t = useHelp();
  return (
    <>
      <h2 className={styles.section}>{t(hosts ? 'given_appointments' : 'my_appointments')}</h2>
      {items.length === 0 ? (
        <Empty title={t('appointments_none')} />
      ) : (
        <div className={styles.grid}>
          {items.map((item) => (
            <AppointmentCard key={item.id} item={item} />
          ))}
        </div>
      )}
    </>
  );
}

function AppointmentCard({ item }: { item: Appointment }) {
  const t = useHelp();
  const moment = useMoment();
  const [open, setOpen] = useState<'cancel' | 'notes'>();
  const [reason, setReason] = useState('');
  const [shared, setShared] = useState(item.note_shared ?? '');
  const [own, setOwn] = useState(item.note_private ?? '');
  const act = useAct(
    (run: () => Promise<unknown>) => run(),
    () => setOpen(undefined),
  );
  const time = moment(item.starts);
  return (
    <article className={styles.card}>
      <div className={`${styles.row} ${styles.between}`}>
        <h3 className={styles.title}>{time}</h3>
        <span
          className={styles.badge}
          data-tone={item.state === 'booked' ? 'good' : item.state === 'no_show' ? 'late' : undefined}
        >
          {t(`astate_${item.state}`)}
        </span>
      </div>
      <p className={styles.text}>{[item.subject, item.class].filter(Boolean).join(', ') || item.title}</p>
      <p className={styles.soft}>
        {[item.student?.display_name, !item.is_host && item.host.display_name].filter(Boolean).join(' · ')}
      </p>
      {item.message && <p className={styles.text}>{item.message}</p>}
      {item.reason && <p className={styles.soft}>{item.reason}</p>}
      {item.files.map((file) => (
        <a key={file.id} href={file.url} download>
          {file.name}
        </a>
      ))}
      {item.note_shared && !item.is_host && (
        <p className={styles.answer}>{t('note_of_host', { text: item.note_shared })}</p>
      )}
      <div className={styles.actions}>
        {item.is_host && (
          <Button size="sm" variant="light" onClick={() => setOpen('notes')} aria-label={`${t('notes_open')}: ${time}`}>
            {t('notes_open')}
          </Button>
        )}
        {item.can_cancel && (
          <Button size="sm" variant="default" onClick={() => setOpen('cancel')} aria-label={t('cancel_of', { time })}>
            {t('cancel_send')}
          </Button>
        )}
      </div>
      <Dialog opened={open === 'cancel'} onClose={() => setOpen(undefined)} title={`${t('cancel_title')}: ${time}`}>
        <div className={styles.form}>
          <Text label={t('cancel_reason')} value={reason} onChange={setReason} most={500} />
          <Trouble error={act.error} />
          <div className={styles.actions}>
            <Button
              loading={act.isPending}
              disabled={item.is_host && reason.trim() === ''}
              onClick={() => act.mutate(() => post(`/appointments/${item.id}/cancel`, { reason }))}
            >
              {t('cancel_send')}
            </Button>
          </div>
        </div>
      </Dialog>
      <Dialog opened={open === 'notes'} onClose={() => setOpen(undefined)} title={`${t('notes_title')}: ${time}`}>
        <div className={styles.form}>
          <Text label={t('notes_shared')} value={shared} onChange={setShared} />
          <Text label={t('notes_private')} value={own} onChange={setOwn} />
          <Trouble error={act.error} />
          <div className={styles.actions}>
            <Button
              loading={act.isPending}
              onClick={() => act.mutate(() => put(`/appointments/${item.id}/notes`, { shared, private: own }))}
            >
              {t('notes_save')}
            </Button>
          </div>
        </div>
      </Dialog>
    </article>
  );
}
