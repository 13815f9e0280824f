// What a person chooses: channels by topic, reminder, quiet hours, address, this browser, the calendar feed.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { refusalOf } from '../../shared/errors';
import { formatDate } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { Notice } from '../../shared/ui/notice';
import { reachable } from '../../shared/ui/reachable';
import { RefusalAlert } from '../../shared/ui/refusal';
import sheet from '../../shared/ui/sheet.module.css';
import { useTitle } from '../../shared/ui/use-title';
import * as api from './data';
import { currentPush, subscribe, unsubscribe } from './push';
import { noticeTexts } from './texts';

export default function NoticeSettingsPage() {
  const t = useTexts(noticeTexts);
  useTitle(t('settings'));
  const settings = useQuery({ queryKey: ['notice-settings'], queryFn: api.fetchSettings });
  return (
    <>
      <div className={sheet.top}>
        <h1 className={sheet.heading}>{t('settings')}</h1>
      </div>
      {settings.isError && <RefusalAlert refusal={refusalOf(settings.error)} />}
      {settings.data && (
        <>
          {settings.data.is_silenced && <Notice tone="wait">{t('silenced')}</Notice>}
          <Channels key={JSON.stringify(settings.data)} settings={settings.data} />
          <Address settings={settings.data} />
          <Browser settings={settings.data} />
        </>
      )}
      <CalendarFeed />
    </>
  );
}

function Channels({ settings }: { settings: api.Settings }) {
  const t = useTexts(noticeTexts);
  const client = useQueryClient();
  const [topics, setTopics] = useState(settings.topics);
  const [reminder, setReminder] = useState(settings.reminder_minutes);
  const [quiet, setQuiet] = useState([settings.quiet_from ?? '', settings.quiet_to ?? '']);
  const save = useMutation({
    mutationFn: () =>
      api.saveSettings({
        topics,
        reminder_minutes: reminder,
        quiet_from: quiet[0] || undefined,
        quiet_to: quiet[1] || undefined,
      }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['notice-settings'] }),
  });
  const set = (topic: string, way: 'email' | 'push', is: boolean) =>
    setTopics(topics.map((one) => (one.topic === topic ? { ...one, [way]: is } : one)));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  const label = (minutes: number) => (minutes >= 60 ? t('hours', { n: minutes / 60 }) : t('minutes', { n: minutes }));
  return (
    <form className={sheet.card} onSubmit={submit}>
      <h2>{t('channels')}</h2>
      <p className={sheet.soft}>{t('channels_note')}</p>
      <div className={sheet.scroll} {...reachable}>
        <table className={sheet.table}>
          <thead>
            <tr>
              <th scope="col">{t('topic')}</th>
              <th scope="col">{t('email')}</th>
              <th scope="col">{t('push')}</th>
            </tr>
          </thead>
          <tbody>
            {topics.map((one) => {
              const name = t(`topic_${one.topic}` as 'topic_lessons');
              return (
                <tr key={one.topic}>
                  <th scope="row">{name}</th>
                  {(['email', 'push'] as const).map((way) => (
                    <td key={way}>
                      <span className={sheet.check}>
                        <input
                          type="checkbox"
                          aria-label={`${name}: ${t(way)}`}
                          checked={one[way]}
                          onChange={(event) => set(one.topic, way, event.target.checked)}
                        />
                      </span>
                    </td>
                  ))}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <div className={sheet.row} style={{ marginTop: 14 }}>
        <label className={sheet.field}>
          {t('reminder')}
          <select
            value={reminder ?? ''}
            onChange={(event) => setReminder(event.target.value === '' ? undefined : Number(event.target.value))}
          >
            <option value="">{t('reminder_none')}</option>
            {settings.reminder_choices.map((minutes) => (
              <option key={minutes} value={minutes}>
                {label(minutes)}
              </option>
            ))}
          </select>
        </label>
        {[0, 1].map((end) => (
          <label key={end} className={sheet.field}>
            {`${t('quiet')}: ${t(end === 0 ? 'quiet_from' : 'quiet_to')}`}
            <input
              type="time"
              value={quiet[end]}
              required={Boolean(quiet[1 - end])}
              onChange={(event) => setQuiet(quiet.map((time, at) => (at === end ? event.target.value : time)))}
            />
          </label>
        ))}
        <button type="submit" className={sheet.button} data-main disabled={save.isPending}>
          {t('save')}
        </button>
      </div>
      <p className={sheet.soft} style={{ marginTop: 8 }}>
        {t('quiet_note')}
      </p>
      <div aria-live="polite">{save.isSuccess && <Notice tone="good">{t('saved')}</Notice>}</div>
      {save.isError && <RefusalAlert refusal={refusalOf(save.error)} />}
    </form>
  );
}

function Address({ settings }: { settings: api.Settings }) {
  const t = useTexts(noticeTexts);
  const client = useQueryClient();
  const [email, setEmail] = useState('');
  const [code, setCode] = useState('');
  const fresh = () => client.invalidateQueries({ queryKey: ['notice-settings'] });
  const send = useMutation({ mutationFn: (address: string | null) => api.setEmail(address), onSuccess: fresh });
  const confirm = useMutation({ mutationFn: () => api.confirmEmail(code), onSuccess: fresh });
  const failed = send.error ?? confirm.error;
  return (
    <section className={sheet.card}>
      <h2>{t('address')}</h2>
      {!settings.has_email && <p className={sheet.soft}>{t('address_none')}</p>}
      {settings.email && settings.is_email_confirmed && <p>{t('address_confirmed', { email: settings.email })}</p>}
      {settings.email && !settings.is_email_confirmed && (
        <form
          className={sheet.row}
          onSubmit={(event) => {
            event.preventDefault();
            confirm.mutate();
          }}
        >
          <p className={sheet.soft}>{t('address_waits', { email: settings.email })}</p>
          <label className={sheet.field}>
            {t('code')}
            <input
              inputMode="numeric"
              autoComplete="one-time-code"
              required
              value={code}
              onChange={(event) => setCode(event.target.value)}
            />
          </label>
          <button type="submit" className={sheet.button} data-main disabled={confirm.isPending}>
            {t('confirm')}
          </button>
        </form>
      )}
      {settings.has_email && (
        <form
          className={sheet.row}
          onSubmit={(event) => {
            event.preventDefault();
            send.mutate(email);
          }}
        >
          <label className={sheet.field}>
            {t('email')}
            <input
              type="email"
              autoComplete="email"
              required
              value={email}
              onChange={(event) => setEmail(event.target.value)}
            />
          </label>
          <button type="submit" className={sheet.button} disabled={send.isPending}>
            {t('address_save')}
          </button>
          {settings.email && (
            <button type="button" className={sheet.button} data-danger onClick={() => send.mutate(null)}>
              {t('address_remove')}
            </button>
          )}
        </form>
      )}
      {failed && <RefusalAlert refusal={refusalOf(failed)} />}
    </section>
  );
}

function Browser({ settings }: { settings: api.Settings }) {
  const t = useTexts(noticeTexts);
  const client = useQueryClient();
  const here = useQuery({ queryKey: ['push-here'], queryFn: currentPush });
  const toggle = useMutation({
    mutationFn: async () => (here.data ? unsubscribe() : subscribe(settings.push_key ?? '')),
    onSettled: () => {
      void here.refetch();
      void client.invalidateQueries({ queryKey: ['notice-settings'] });
    },
  });
  const denied = typeof Notification !== 'undefined' && Notification.permission === 'denied';
  return (
    <section className={sheet.card}>
      <h2>{t('browser')}</h2>
      {!settings.push_key && <p className={sheet.soft}>{t('browser_none')}</p>}
      {settings.push_key && denied && <Notice tone="wait">{t('browser_denied')}</Notice>}
      {settings.push_key && !denied && (
        <button type="button" className={sheet.button} disabled={toggle.isPending} onClick={() => toggle.mutate()}>
          {here.data ? t('browser_off') : t('browser_on')}
        </button>
      )}
      {toggle.isError && <RefusalAlert refusal={refusalOf(toggle.error)} />}
    </section>
  );
}

function CalendarFeed() {
  const t = useTexts(noticeTexts);
  const locale = useLocale();
  const client = useQueryClient();
  const feed = useQuery({ queryKey: ['feed'], queryFn: api.fetchFeed });
  const fresh = () => client.invalidateQueries({ queryKey: ['feed'] });
  const make = useMutation({ mutationFn: api.makeFeed, onSuccess: fresh });
  const revoke = useMutation({
    mutationFn: api.revokeFeed,
    onSuccess: () => {
      make.reset();
      return fresh();
    },
  });
  const [copied, setCopied] = useState(false);
  const url = make.data?.url;
  const day = (text: string | undefined) => (text ? formatDate(Date.parse(text), locale) : t('feed_never'));
  const failed = feed.error ?? make.error ?? revoke.error;
  return (
    <section className={sheet.card}>
      <h2>{t('feed')}</h2>
      <p className={sheet.soft}>{t('feed_note')}</p>
      {url && (
        <div className={sheet.row}>
          <label className={sheet.field} style={{ flex: '1 1 320px' }}>
            {t('feed_url')}
            <input readOnly value={url} className={sheet.mono} onFocus={(event) => event.target.select()} />
          </label>
          <button
            type="button"
            className={sheet.button}
            onClick={() => void navigator.clipboard.writeText(url).then(() => setCopied(true))}
          >
            {copied ? t('copied') : t('copy')}
          </button>
        </div>
      )}
      {feed.data?.exists && <p>{t('feed_is', { date: day(feed.data.created_at), used: day(feed.data.used_at) })}</p>}
      <div className={sheet.row}>
        <button type="button" className={sheet.button} disabled={make.isPending} onClick={() => make.mutate()}>
          {feed.data?.exists ? t('feed_again') : t('feed_make')}
        </button>
        {feed.data?.exists && (
          <button
            type="button"
            className={sheet.button}
            data-danger
            disabled={revoke.isPending}
            onClick={() => revoke.mutate()}
          >
            {t('feed_revoke')}
          </button>
        )}
      </div>
      {failed && <RefusalAlert refusal={refusalOf(failed)} />}
    </section>
  );
}
