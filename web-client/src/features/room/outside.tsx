// Outside the room: waiting to be let in, refused.
import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect, useRef } from 'react';
import type { Consultation } from '../../shared/api';
import type { Refusal } from '../../shared/errors';
import { commonTexts } from '../../shared/i18n/common';
import { formatCountdown, formatDay, formatTime } from '../../shared/i18n/format';
import type { Locale } from '../../shared/i18n/locale';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { Icon, type IconName } from '../../shared/ui/icon';
import { useRefusalWords, useRetryCountdown } from '../../shared/ui/refusal';
import type { RoomModel } from './model';
import styles from './outside.module.css';
import { roomTexts } from './texts';

export type FrameProps = { icon: IconName; tone?: 'calm' | 'bad' | 'good'; title: string; children: ReactNode };

export function Frame({ icon, tone = 'calm', title, children }: FrameProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <main className={styles.page}>
      <div className={styles.card}>
        <span className={styles.icon} data-tone={tone}>
          <Icon name={icon} size={34} />
        </span>
        <h1 ref={heading} className={styles.title} tabIndex={-1}>
          {title}
        </h1>
        {children}
      </div>
    </main>
  );
}

export function ToTimetable({ primary = false }: { primary?: boolean }) {
  const t = useTexts(commonTexts);
  return (
    <Button component={Link} to="/" size="md" variant={primary ? 'filled' : 'default'}>
      {t('to_timetable')}
    </Button>
  );
}

type WaitingProps = { model: RoomModel; consultation: Consultation | undefined; onLeave: () => void };

export function Waiting({ model, consultation }: WaitingProps) {
  const t = useTexts(roomTexts);
  const locale = useLocale();
  const { stage } = model;
  const title = model.room?.title ?? consultation?.title;
  const start = model.room?.start_ms ?? (consultation ? Date.parse(consultation.start) : undefined);
  if (stage.kind !== 'waiting')
    return (
      <Frame icon="door" title={model.connection.kind === 'reconnecting' ? t('lost') : t('connecting')}>
        {title && <p className={styles.what}>{title}</p>}
        <span className={styles.wheel} aria-hidden="true" />
      </Frame>
    );
  const host = stage.reason === 'host_absent';
  return (
    <Frame icon={host ? 'clock' : 'door'} title={host ? t('waiting_host') : t('waiting_admission')}>
      {title && <p className={styles.what}>{title}</p>}
      <p className={styles.text}>{host ? t('waiting_host_help') : t('waiting_admission_help')}</p>
      <p className={styles.small} role="status">
        {start !== undefined && t('starts_at', { time: formatTime(start, locale) })}
        {' · '}
        {t('waiting_count', { count: stage.waiting })}
      </p>
      <span className={styles.wheel} aria-hidden="true" />
      <div className={styles.actions}>
        <ToTimetable />
      </div>
    </Frame>
  );
}

const DAY = 86_400_000;

/** The day and the time at which a room opens that opens so many milliseconds from now. */
function opening(left: number, locale: Locale) {
  const at = Math.round((Date.now() + left) / 60_000) * 60_000;
  return { day: formatDay(at, locale), time: formatTime(at, locale) };
}

type RefusedProps = { refusal: Refusal; consultation: Consultation | undefined; onAgain: () => void };

export function Refused({ refusal, consultation, onAgain }: RefusedProps) {
  const t = useTexts(roomTexts);
  const words = useRefusalWords()(refusal.code);
  const locale = useLocale();
  const left = useRetryCountdown(refusal);
  const timed = refusal.retryAfterMs !== undefined;
  const wasWaiting = useRef(false);
  useEffect(() => {
    if (left > 0) wasWaiting.current = true;
    else if (wasWaiting.current) {
      wasWaiting.current = false;
      onAgain();
    }
  }, [left, onAgain]);
  const soon = refusal.code === 'too_early';
  const passing = ['unavailable', 'internal', 'rate_limited', 'room_full', 'host_absent'].includes(refusal.code);
  return (
    <Frame icon={soon ? 'clock' : 'info'} tone={soon ? 'calm' : 'bad'} title={words.title}>
      {consultation && <p className={styles.what}>{consultation.title}</p>}
      {words.help && <p className={styles.text}>{words.help}</p>}
      {soon && left > 0 && (
        <p className={styles.countdown} role="timer">
          {left < DAY ? t('opens_in', { time: formatCountdown(left) }) : t('opens_on', opening(left, locale))}
        </p>
      )}
      <div className={styles.actions}>
        <ToTimetable primary={!passing} />
        {passing && !timed && (
          <Button size="md" onClick={onAgain}>
            {t('try_again')}
          </Button>
        )}
      </div>
    </Frame>
  );
}
