// A screen in a class-room, or whoever only watches: one large picture, the voices, and words when there is nothing to see.
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { fetchConsultation } from '../../shared/api';
import { commonTexts } from '../../shared/i18n/common';
import { formatTime } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { Icon, type IconName } from '../../shared/ui/icon';
import { RefusalAlert } from '../../shared/ui/refusal';
import { useTitle } from '../../shared/ui/use-title';
import { Player, type Stage } from './model';
import { watchTexts } from './texts';
import styles from './watch.module.css';

const route = getRouteApi('/signed-in/watch/$room');

export function WatchPage() {
  const { room } = route.useParams();
  const consultation = useQuery({
    queryKey: ['consultation', room],
    queryFn: () => fetchConsultation(room),
    staleTime: 30_000,
  });
  useTitle(consultation.data?.title);
  const [player, setPlayer] = useState<Player>();
  useEffect(() => {
    const created = new Player(room);
    setPlayer(created);
    created.start();
    const leave = () => created.stop();
    window.addEventListener('pagehide', leave);
    return () => {
      window.removeEventListener('pagehide', leave);
      created.stop();
    };
  }, [room]);
  if (!player) return null;
  const { title, start, class: form } = consultation.data ?? {};
  return (
    <Screen key={room} player={player} title={title} detail={form} start={start ? Date.parse(start) : undefined} />
  );
}

type ScreenProps = {
  player: Player;
  title: string | undefined;
  detail: string | undefined;
  start: number | undefined;
};

function Screen({ player, title, detail, start }: ScreenProps) {
  const t = useTexts(watchTexts);
  const locale = useLocale();
  const frame = useRef<HTMLElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const stage = useSyncExternalStore(player.subscribe, player.snapshot);
  const [silent, setSilent] = useState(false);
  const full = useFullScreen();
  useAwake(stage.kind === 'watching');
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    element.srcObject = player.stream;
    return () => {
      element.srcObject = null;
    };
  }, [player]);
  const watching = stage.kind === 'watching';
  useEffect(() => {
    const element = video.current;
    if (!element || !watching) return;
    // Sound without a click is allowed where the person has used the page or the school's policy says so.
    element.muted = false;
    element.play().then(
      () => setSilent(false),
      () => {
        element.muted = true;
        setSilent(true);
        element.play().catch(() => undefined);
      },
    );
  }, [watching]);
  const sound = () => {
    const element = video.current;
    if (!element) return;
    element.muted = false;
    element.play().then(
      () => setSilent(false),
      () => undefined,
    );
  };
  const toggle = () =>
    void (full ? document.exitFullscreen() : frame.current?.requestFullscreen().catch(() => undefined));
  const when = start === undefined ? '' : t('starts', { time: formatTime(start, locale) });
  return (
    <main ref={frame} className={styles.page} data-stage={stage.kind}>
      <h1 className={styles.title}>
        <span>{title ?? t('picture')}</span>
        {(detail || stage.kind === 'not_started') && (
          <small>{[detail, stage.kind === 'not_started' ? when : ''].filter(Boolean).join(' · ')}</small>
        )}
      </h1>
      {/* biome-ignore lint/a11y/useMediaCaption: live speech has no captions here */}
      <video
        ref={video}
        className={styles.video}
        data-shown={(watching && stage.picture) || stage.kind === 'reconnecting' || undefined}
        autoPlay
        playsInline
        aria-label={t('picture')}
      />
      <Words stage={stage} />
      <div className={styles.bar}>
        {watching && silent && (
          <Button size="md" leftSection={<Icon name="sound" size={20} />} onClick={sound}>
            {t('sound')}
          </Button>
        )}
        {document.fullscreenEnabled && (
          <Button
            size="md"
            variant="default"
            leftSection={<Icon name={full ? 'close' : 'screen'} size={20} />}
            onClick={toggle}
          >
            {full ? t('window') : t('full')}
          </Button>
        )}
      </div>
    </main>
  );
}

function Words({ stage }: { stage: Stage }) {
  const t = useTexts(watchTexts);
  const tc = useTexts(commonTexts);
  switch (stage.kind) {
    case 'connecting':
      return <Card icon="link" title={t('connecting')} wheel />;
    case 'not_started': {
      const host = stage.refusal.code === 'host_absent';
      return (
        <Card icon="clock" title={host ? t('host_absent') : t('not_started')} wheel>
          {host ? t('host_absent_help') : t('not_started_help')}
        </Card>
      );
    }
    case 'watching':
      return stage.picture ? null : (
        <Card icon="cam_off" title={t('nobody')}>
          {t('nobody_help')}
        </Card>
      );
    case 'reconnecting':
      return <Card icon="wifi_off" title={t('reconnecting')} wheel />;
    case 'ended':
      return (
        <Card icon="check" title={t('ended')}>
          {t('ended_help')}
        </Card>
      );
    case 'refused':
      return (
        <Card icon="lock" title={t('refused')}>
          <RefusalAlert refusal={stage.refusal} />
          <Button component={Link} to="/" variant="default" mt="md">
            {tc('to_timetable')}
          </Button>
        </Card>
      );
    default:
      return stage satisfies never;
  }
}

type CardProps = { icon: IconName; title: string; wheel?: boolean; children?: React.ReactNode };

function Card({ icon, title, wheel = false, children }: CardProps) {
  return (
    <div className={styles.card} role="status">
      <span className={styles.icon}>
        <Icon name={icon} size={44} />
      </span>
      <p className={styles.words}>{title}</p>
      {children && <div className={styles.help}>{children}</div>}
      {wheel && <span className={styles.wheel} aria-hidden="true" />}
    </div>
  );
}

function useFullScreen(): boolean {
  const [full, setFull] = useState(false);
  useEffect(() => {
    const note = () => setFull(document.fullscreenElement !== null);
    document.addEventListener('fullscreenchange', note);
    return () => document.removeEventListener('fullscreenchange', note);
  }, []);
  return full;
}

/** A screen on the wall must not go dark in the middle of a lesson. */
function useAwake(on: boolean): void {
  useEffect(() => {
    if (!on || !navigator.wakeLock) return;
    let lock: WakeLockSentinel | undefined;
    let wanted = true;
    const take = () => {
      if (document.visibilityState !== 'visible') return;
      navigator.wakeLock.request('screen').then(
        (given) => {
          if (wanted) lock = given;
          else void given.release();
        },
        () => undefined,
      );
    };
    take();
    // The browser takes it back when the page is hidden.
    document.addEventListener('visibilitychange', take);
    return () => {
      wanted = false;
      document.removeEventListener('visibilitychange', take);
      void lock?.release();
    };
  }, [on]);
}
