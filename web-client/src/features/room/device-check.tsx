// Before the room: is the camera the right one, does the microphone hear, do the speakers sound.
import { Button, NativeSelect } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import type { Consultation } from '../../shared/api';
import { commonTexts } from '../../shared/i18n/common';
import { useTexts } from '../../shared/i18n/use-texts';
import {
  chooseDevice,
  chosenDevice,
  type DeviceKind,
  type Devices,
  listDevices,
  systemOf,
  watchDevices,
} from '../../shared/media/devices';
import { openMeter, SilenceWatch } from '../../shared/media/meter';
import { Icon } from '../../shared/ui/icon';
import { Notice } from '../../shared/ui/notice';
import { useRefusalWords } from '../../shared/ui/refusal';
import styles from './device-check.module.css';
import type { LocalMedia } from './local-media';
import { roomTexts } from './texts';

// Needs the hub and is not needed to enter.
const LineCheck = lazy(() => import('./line/line-check'));

type Props = { consultation: Consultation | undefined; local: LocalMedia; onEnter: () => void };

export function DeviceCheck({ consultation, local, onEnter }: Props) {
  const t = useTexts(roomTexts);
  const tc = useTexts(commonTexts);
  const state = useSyncExternalStore(local.subscribe, local.snapshot);
  const devices = useDevices(`${state.microphone} ${state.camera}`);
  const [silent, setSilent] = useState(false);
  const listens =
    consultation?.form === 'webinar' && (consultation.role === 'recipient' || consultation.role === 'guardian');
  const observes = consultation?.role === 'observer';
  const sends = !listens && !observes;
  // DOMAIN 2.5: recipients of a conference start with both off; hosts and one-to-one talks with both on.
  const startsOn = sends && (consultation?.role === 'host' || consultation?.form === 'individual');

  useEffect(() => {
    if (!startsOn) return;
    void local.on('microphone');
    void local.on('camera');
  }, [startsOn, local]);

  return (
    <div className={styles.page}>
      <header className={styles.header}>
        <Link to="/" className={styles.back}>
          <Icon name="left" />
          {tc('to_timetable')}
        </Link>
      </header>
      <main className={styles.main}>
        <div className={styles.head}>
          <h1 className={styles.title}>{sends ? t('check_title') : t('check_listen_title')}</h1>
          {consultation && (
            <p className={styles.what}>
              {consultation.title} · {consultation.host.display_name}
            </p>
          )}
        </div>
        <div className={styles.columns} data-single={!sends || undefined}>
          {sends && (
            <div className={styles.preview}>
              <Preview local={local} on={state.camera} />
              <div className={styles.switches}>
                <Toggle local={local} kind="microphone" on={state.microphone !== 'off'} />
                <Toggle local={local} kind="camera" on={state.camera !== 'off'} />
              </div>
            </div>
          )}
          <div className={styles.side}>
            <p className={styles.lead}>{sends ? t('check_lead') : t('check_listen_lead')}</p>
            {state.trouble && <Trouble local={local} />}
            {sends && (
              <>
                <DeviceSelect
                  kind="microphone"
                  devices={devices}
                  onChoose={(id) => void local.choose('microphone', id)}
                />
                <Level local={local} on={state.microphone === 'on'} silent={silent} onSilent={setSilent} />
                <DeviceSelect kind="camera" devices={devices} onChoose={(id) => void local.choose('camera', id)} />
              </>
            )}
            {devices.speaker.length > 1 && (
              <DeviceSelect kind="speaker" devices={devices} onChoose={(id) => chooseDevice('speaker', id)} />
            )}
            <Suspense>
              <LineCheck
                consultation={consultation?.id}
                local={local}
                sends={sends}
                silent={silent}
                isTold={consultation?.role === 'recipient' || consultation?.role === 'guardian'}
              />
            </Suspense>
            <Button size="lg" fullWidth onClick={onEnter} className={styles.enter}>
              {t('enter')}
            </Button>
          </div>
        </div>
      </main>
    </div>
  );
}

/** The list again whenever something is plugged in, or a permission reveals the names. */
function useDevices(key: string): Devices {
  const [devices, setDevices] = useState<Devices>({ microphone: [], camera: [], speaker: [] });
  // biome-ignore lint/correctness/useExhaustiveDependencies: names appear when a device has been opened
  useEffect(() => {
    let current = true;
    const refresh = () =>
      void listDevices().then((found) => {
        if (current) setDevices(found);
      });
    refresh();
    const stop = watchDevices(refresh);
    return () => {
      current = false;
      stop();
    };
  }, [key]);
  return devices;
}

function Preview({ local, on }: { local: LocalMedia; on: string }) {
  const t = useTexts(roomTexts);
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const track = on === 'on' ? local.track('camera') : undefined;
    if (video.current) video.current.srcObject = track ? new MediaStream([track]) : null;
  }, [on, local]);
  return (
    <div className={styles.picture}>
      <video
        ref={video}
        className={styles.video}
        autoPlay
        playsInline
        muted
        aria-label={t('preview')}
        hidden={on !== 'on'}
      />
      {on !== 'on' && (
        <span className={styles.dark}>
          <Icon name="cam_off" size={36} />
          {on === 'starting' ? t('preview_starting') : t('preview_off')}
        </span>
      )}
    </div>
  );
}

function Toggle({ local, kind, on }: { local: LocalMedia; kind: 'microphone' | 'camera'; on: boolean }) {
  const t = useTexts(roomTexts);
  const mic = kind === 'microphone';
  const label = mic ? (on ? t('mic_off') : t('mic_on')) : on ? t('cam_off') : t('cam_on');
  return (
    <button
      type="button"
      className={styles.toggle}
      data-on={on || undefined}
      aria-label={label}
      title={label}
      onClick={() => local.toggle(kind)}
    >
      <Icon name={mic ? (on ? 'mic' : 'mic_off') : on ? 'cam' : 'cam_off'} size={24} />
    </button>
  );
}

export function Trouble({ local }: { local: LocalMedia }) {
  const t = useTexts(roomTexts);
  const words = useRefusalWords();
  const { trouble } = local.state;
  if (!trouble) return null;
  const { title, help } = words(trouble.refusal.code);
  const denied = trouble.refusal.code === 'device_denied';
  return (
    <Notice
      tone="error"
      alert
      title={`${trouble.kind === 'camera' ? t('camera') : t('microphone')}: ${title.toLocaleLowerCase()}`}
    >
      <p className={styles.help}>{denied ? t(`denied_${systemOf(navigator.userAgent)}`) : help}</p>
      <p className={styles.help}>{t('without_device')}</p>
      <Button
        size="xs"
        variant="default"
        leftSection={<Icon name="refresh" size={16} />}
        onClick={() => void local.on(trouble.kind)}
      >
        {t('check_again')}
      </Button>
    </Notice>
  );
}

type SelectProps = { kind: DeviceKind; devices: Devices; onChoose: (id: string) => void };

export function DeviceSelect({ kind, devices, onChoose }: SelectProps) {
  const t = useTexts(roomTexts);
  const [chosen, setChosen] = useState(() => chosenDevice(kind));
  const list = devices[kind];
  const value = list.some(({ id }) => id === chosen) ? chosen : (list[0]?.id ?? '');
  return (
    <NativeSelect
      label={t(kind)}
      value={value}
      disabled={list.length === 0}
      onChange={(event) => {
        setChosen(event.currentTarget.value);
        onChoose(event.currentTarget.value);
      }}
      data={
        list.length === 0
          ? [{ value: '', label: t('default_device') }]
          : list.map(({ id, label }, n) => ({
              value: id,
              label: id === 'default' ? t('default_device') : label || t('unnamed_device', { n: n + 1 }),
            }))
      }
    />
  );
}

type LevelProps = { local: LocalMedia; on: boolean; silent: boolean; onSilent: (silent: boolean) => void };

function Level({ local, on, silent, onSilent }: LevelProps) {
  const t = useTexts(roomTexts);
  const [level, setLevel] = useState(0);
  useEffect(() => {
    const track = on ? local.track('microphone') : undefined;
    setLevel(0);
    onSilent(false);
    if (!track) return;
    const meter = openMeter(track);
    const watch = new SilenceWatch();
    const timer = setInterval(() => {
      const now = meter.read();
      setLevel(now);
      onSilent(watch.feed(now, performance.now()));
    }, 100);
    return () => {
      clearInterval(timer);
      meter.stop();
    };
  }, [on, local, onSilent]);
  return (
    <div>
      {/* biome-ignore lint/a11y/useSemanticElements: the platform's meter cannot be drawn as a smooth bar */}
      <div
        className={styles.level}
        role="meter"
        aria-label={t('level')}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(level * 100)}
      >
        <span style={{ scale: `${on ? level : 0} 1` }} />
      </div>
      <p className={styles.hint}>{on ? t('level_hint') : t('level_off')}</p>
      {silent && (
        <Notice tone="wait" icon="mic_off" alert title={t('silent_title')}>
          {t('silent_help')}
        </Notice>
      )}
    </div>
  );
}
