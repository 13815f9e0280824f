// The part of the check before a room that needs the hub: the line, the speakers by the person's own word, and the result,
// which is kept for whoever holds the lesson. A chunk of its own: the room itself must be small.
import { Button } from '@mantine/core';
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import styles from '../../../shared/checks/checks.module.css';
import { type Device, type Findings, troublesOf } from '../../../shared/checks/model';
import { checkTexts } from '../../../shared/checks/texts';
import type { ErrorCode } from '../../../shared/errors';
import { useTexts } from '../../../shared/i18n/use-texts';
import { useMe } from '../../../shared/me';
import { chosenDevice } from '../../../shared/media/devices';
import { playTestSound } from '../../../shared/media/meter';
import { Icon } from '../../../shared/ui/icon';
import type { LocalMedia } from '../local-media';
import { checkLine, keepCheck, rememberCheck, rememberedCheck } from './line';

/** Findings come one by one; one request tells of those that come together. */
const KEPT_AFTER_MS = 1_200;

const OF_CODE: Partial<Record<ErrorCode, Device>> = {
  device_denied: 'denied',
  device_missing: 'missing',
  device_busy: 'busy',
};

type Props = {
  consultation: string | undefined;
  local: LocalMedia;
  /** This person may send in this form. */
  sends: boolean;
  /** The microphone is on and has given nothing for a while. */
  silent: boolean;
  /** Others hold the lesson and see what was found. */
  isTold: boolean;
};

export default function LineCheck({ consultation, local, sends, silent, isTold }: Props) {
  const t = useTexts(checkTexts);
  const state = useSyncExternalStore(local.subscribe, local.snapshot);
  const me = useMe()?.person.id ?? '';
  const [found, setFound] = useState<Findings>({});
  const [line, setLine] = useState<'running' | 'done' | 'failed'>('running');
  const [round, setRound] = useState(0);
  const add = useCallback((more: Findings) => setFound((before) => ({ ...before, ...more })), []);

  useKept(consultation, me, found);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each round anew
  useEffect(() => {
    const control = new AbortController();
    setLine('running');
    checkLine(control.signal).then(
      (findings) => {
        if (control.signal.aborted) return;
        add(findings);
        setLine('done');
      },
      () => {
        if (!control.signal.aborted) setLine('failed');
      },
    );
    return () => control.abort(new DOMException('no longer wanted', 'AbortError'));
  }, [round]);

  const { camera, microphone, trouble } = state;
  useEffect(() => {
    if (trouble && trouble.kind !== 'screen') add({ [trouble.kind]: OF_CODE[trouble.refusal.code] ?? 'failed' });
  }, [trouble, add]);
  useEffect(() => {
    if (camera === 'on') add({ camera: 'works' });
  }, [camera, add]);
  useEffect(() => {
    if (microphone === 'on') add({ microphone: silent ? 'silent' : 'works' });
  }, [microphone, silent, add]);

  const untried = sends && (found.camera === undefined || found.microphone === undefined);
  return (
    <>
      <Speakers
        onHeard={(heard) => add({ speaker: heard ? 'works' : 'silent' })}
        onFailed={() => add({ speaker: 'failed' })}
      />
      {untried && camera === 'off' && microphone === 'off' && (
        <Button
          variant="default"
          leftSection={<Icon name="cam" size={18} />}
          onClick={() => {
            void local.on('microphone');
            void local.on('camera');
          }}
        >
          {t('try_devices')}
        </Button>
      )}
      <section className={styles.box} aria-labelledby="line-title">
        <h3 id="line-title">{t('line')}</h3>
        <div role="status">
          <Line line={line} found={found} />
        </div>
        {line !== 'running' && (
          <Button size="xs" variant="default" onClick={() => setRound(round + 1)}>
            {t('line_again')}
          </Button>
        )}
        {isTold && <p className={styles.soft}>{t('told_host')}</p>}
      </section>
    </>
  );
}

/** Keeps what was found over what was found here earlier today, a moment after the last of it or as the page goes. */
function useKept(consultation: string | undefined, me: string, found: Findings): void {
  const waiting = useRef<Findings>(undefined);
  const keep = useCallback(() => {
    if (!waiting.current) return;
    const all = { ...rememberedCheck(me, Date.now()), ...waiting.current };
    waiting.current = undefined;
    rememberCheck(me, Date.now(), all);
    keepCheck(consultation, all);
  }, [consultation, me]);
  useEffect(() => {
    if (Object.keys(found).length === 0) return;
    waiting.current = found;
    const timer = setTimeout(keep, KEPT_AFTER_MS);
    return () => clearTimeout(timer);
  }, [found, keep]);
  useEffect(() => keep, [keep]);
}

function Line({ line, found }: { line: 'running' | 'done' | 'failed'; found: Findings }) {
  const t = useTexts(checkTexts);
  if (line === 'running') return <p className={styles.soft}>{t('line_running')}</p>;
  if (line === 'failed' || !found.way) return <p>{t('line_unknown')}</p>;
  const speed = (kbps: number | undefined) => {
    if (kbps === undefined) return t('speed_unknown');
    return kbps >= 1000 ? t('mbps', { n: Math.round(kbps / 100) / 10 }) : t('kbps', { n: kbps });
  };
  const slow = troublesOf(found).includes('slow');
  return (
    <>
      <p
        className={styles.found}
        data-standing={found.way === 'none' ? 'trouble' : found.way === 'udp' ? 'fine' : 'partly'}
      >
        <Icon name={found.way === 'none' ? 'warning' : found.way === 'udp' ? 'check' : 'info'} size={16} />
        {t(`line_${found.way}`)}
      </p>
      <p className={styles.found} data-standing={slow ? 'trouble' : undefined}>
        <Icon name={slow ? 'warning' : 'info'} size={16} />
        {t('speed', { down: speed(found.down_kbps), up: speed(found.up_kbps) })}
      </p>
      {found.relay === 'failed' && found.way !== 'relay' && <p className={styles.soft}>{t('relay_failed')}</p>}
    </>
  );
}

/** Only the person can tell whether speakers sound. */
function Speakers({ onHeard, onFailed }: { onHeard: (heard: boolean) => void; onFailed: () => void }) {
  const t = useTexts(checkTexts);
  const [stage, setStage] = useState<'idle' | 'playing' | 'asked' | 'good' | 'bad'>('idle');
  const answer = (heard: boolean) => {
    setStage(heard ? 'good' : 'bad');
    onHeard(heard);
  };
  return (
    <div className={styles.row}>
      <Button
        variant="default"
        leftSection={<Icon name="sound" size={18} />}
        disabled={stage === 'playing'}
        onClick={() => {
          setStage('playing');
          playTestSound(chosenDevice('speaker')).then(
            () => setStage('asked'),
            () => {
              setStage('bad');
              onFailed();
            },
          );
        }}
      >
        {stage === 'playing' ? t('test_playing') : t('test_speaker')}
      </Button>
      <span role="status">
        {stage === 'asked' && t('heard')}
        {stage === 'good' && t('heard_good')}
        {stage === 'bad' && t('heard_bad')}
      </span>
      {stage === 'asked' && (
        <>
          <Button size="xs" variant="default" onClick={() => answer(true)}>
            {t('heard_yes')}
          </Button>
          <Button size="xs" variant="default" onClick={() => answer(false)}>
            {t('heard_no')}
          </Button>
        </>
      )}
    </div>
  );
}
