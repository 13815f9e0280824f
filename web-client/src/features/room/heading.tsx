// The top line: what this is, how much time is left, how good the line is, view and devices.
import { useState } from 'react';
import { commonTexts } from '../../shared/i18n/common';
import { formatCountdown, formatDuration } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { type DeviceKind, type Devices, listDevices } from '../../shared/media/devices';
import { Dialog } from '../../shared/ui/dialog';
import { Icon } from '../../shared/ui/icon';
import { Menu, MenuDivider, MenuItem, MenuLabel } from '../../shared/ui/menu';
import { useNow } from '../../shared/ui/use-now';
import { DeviceSelect } from './device-check';
import type { View } from './layout';
import styles from './room.module.css';
import type { RoomSession, Snapshot } from './session';
import { roomTexts } from './texts';

type Props = { session: RoomSession; snapshot: Snapshot; view: View; onView: (change: Partial<View>) => void };

/** From here on the remaining time is counted by the second. */
const SOON_MS = 5 * 60_000;

export function Heading({ session, snapshot, view, onView }: Props) {
  const t = useTexts(roomTexts);
  const tc = useTexts(commonTexts);
  const { room } = snapshot.model;
  const [devices, setDevices] = useState<Devices>();
  if (!room) return null;
  const isChat = room.form === 'chat';
  return (
    <header className={styles.heading}>
      <div className={styles.headingText}>
        <h1 className={styles.title}>{room.title}</h1>
        <p className={styles.form}>{tc(`form_${room.form}`)}</p>
      </div>
      <TimeLeft endMs={room.end_ms} closesMs={room.closes_ms} />
      {!isChat && <Quality snapshot={snapshot} />}
      {!isChat && (
        <Menu label={t('settings')} buttonClassName={styles.headingButton} button={<Icon name="settings" size={22} />}>
          <MenuLabel>{t('layout')}</MenuLabel>
          <MenuItem
            icon="grid"
            checked={view.mode === 'grid'}
            onClick={() => onView({ mode: 'grid', page: 0, pinned: undefined })}
          >
            {t('layout_grid')}
          </MenuItem>
          <MenuItem
            icon="speaker_layout"
            checked={view.mode === 'speaker'}
            onClick={() => onView({ mode: 'speaker', page: 0 })}
          >
            {t('layout_speaker')}
          </MenuItem>
          <MenuItem
            icon={view.hideSelf ? 'eye_off' : 'eye'}
            checked={view.hideSelf}
            onClick={() => onView({ hideSelf: !view.hideSelf })}
          >
            {t('hide_self')}
          </MenuItem>
          <MenuDivider />
          <MenuItem icon="mic" onClick={() => void listDevices().then(setDevices)}>
            {t('devices')}
          </MenuItem>
        </Menu>
      )}
      <Dialog opened={devices !== undefined} onClose={() => setDevices(undefined)} title={t('devices')}>
        <div className={styles.devices}>
          {devices &&
            (['microphone', 'camera', 'speaker'] as const).map((kind: DeviceKind) => (
              <DeviceSelect
                key={kind}
                kind={kind}
                devices={devices}
                onChoose={(id) => void session.local.choose(kind, id)}
              />
            ))}
        </div>
      </Dialog>
    </header>
  );
}

function TimeLeft({ endMs, closesMs }: { endMs: number; closesMs: number }) {
  const t = useTexts(roomTexts);
  const locale = useLocale();
  const now = useNow();
  const left = endMs - now;
  // Whole minutes are calmer than a running clock, as long as there are many.
  const time =
    left > SOON_MS
      ? formatDuration(Math.ceil(left / 60_000) * 60_000, locale)
      : formatCountdown(left > 0 ? left : closesMs - now);
  const text = left > 0 ? t('time_left', { time }) : t('closes_in', { time });
  return (
    <p className={styles.time} role="timer" aria-live="off" data-soon={left <= SOON_MS || undefined}>
      <Icon name="clock" size={17} />
      <span className={styles.timeFull}>{text}</span>
      <span className={styles.timeShort} aria-hidden="true">
        {time}
      </span>
    </p>
  );
}

function Quality({ snapshot }: { snapshot: Snapshot }) {
  const t = useTexts(roomTexts);
  const { quality, peerState, model } = snapshot;
  const lost = model.connection.kind !== 'online' || peerState === 'interrupted' || peerState === 'failed';
  const grade = lost ? 'poor' : quality;
  const words = grade === undefined ? t('quality_unknown') : t(`quality_${grade}`);
  const help = grade === 'fair' ? t('quality_fair_help') : grade === 'poor' ? t('quality_poor_help') : '';
  return (
    <Menu
      label={`${t('quality')}: ${words}`}
      buttonClassName={styles.headingButton}
      button={
        <span className={styles.quality} data-grade={grade}>
          <Icon name={lost ? 'wifi_off' : 'wifi'} size={22} />
        </span>
      }
    >
      <p className={styles.qualityText} role="presentation">
        <strong>{words}</strong>
        {help && <span>{help}</span>}
      </p>
    </Menu>
  );
}
