// What stands above the stage as long as it is true.
import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTexts } from '../../shared/i18n/use-texts';
import { Icon, type IconName } from '../../shared/ui/icon';
import { useNow } from '../../shared/ui/use-now';
import { Trouble } from './device-check';
import { isEyeBreak } from './eye-break';
import type { LocalState } from './local-media';
import { notHearingMe, self } from './model';
import styles from './room.module.css';
import type { RoomSession, Snapshot } from './session';
import { unblockSound } from './stage';
import { roomTexts } from './texts';

/** More would be a list, not a line. */
const MOST_NAMES = 3;

type Props = { session: RoomSession; snapshot: Snapshot; local: LocalState };

export function Banners({ session, snapshot, local }: Props) {
  const t = useTexts(roomTexts);
  const { model, peerState, soundBlocked } = snapshot;
  const { connection } = model;
  const me = self(model);
  const deaf = notHearingMe(model);
  const silentFloor =
    me?.promoted && model.room?.form === 'webinar' && local.microphone === 'off' && local.camera === 'off';
  return (
    <div className={styles.banners}>
      {connection.kind === 'reconnecting' && (
        <Banner icon="wifi_off" tone="bad" live>
          {connection.attempt < 2 ? t('lost') : t('lost_try', { attempt: connection.attempt })}
        </Banner>
      )}
      {connection.kind === 'online' && (peerState === 'interrupted' || peerState === 'failed') && (
        <Banner icon="wifi_off" tone="bad" live>
          {t('media_lost')}
        </Banner>
      )}
      {soundBlocked && (
        <Banner icon="sound_off">
          {t('enable_sound_help')}
          <Button size="xs" onClick={() => void unblockSound().then((sounds) => session.noteSoundBlocked(!sounds))}>
            {t('enable_sound')}
          </Button>
        </Banner>
      )}
      {deaf.length > 0 && (
        <Banner icon="sound_off" live>
          {deaf.length > MOST_NAMES
            ? t('not_hearing_me_many', { count: deaf.length })
            : t('not_hearing_me', { names: deaf.join(', ') })}
        </Banner>
      )}
      {model.room && <EyeBreak startMs={model.room.start_ms} endMs={model.room.end_ms} />}
      {silentFloor && <Banner icon="floor">{t('floor_banner')}</Banner>}
      {local.screen === 'on' && (
        <Banner icon="screen">
          {t('sharing_now')}
          <Button size="xs" variant="default" onClick={() => session.local.off('screen')}>
            {t('share_stop')}
          </Button>
        </Banner>
      )}
      {local.trouble && (
        <div className={styles.trouble}>
          <Trouble local={session.local} />
        </div>
      )}
    </div>
  );
}

/** A clock of its own, so that the second does not draw the other banners again. */
function EyeBreak({ startMs, endMs }: { startMs: number; endMs: number }) {
  const t = useTexts(roomTexts);
  const now = useNow();
  return isEyeBreak(startMs, endMs, now) ? (
    <Banner icon="eye" live>
      {t('eye_break')}
    </Banner>
  ) : null;
}

type BannerProps = { icon: IconName; tone?: 'calm' | 'bad'; live?: boolean; children: ReactNode };

function Banner({ icon, tone = 'calm', live = false, children }: BannerProps) {
  return (
    <div className={styles.banner} data-tone={tone} role={live ? 'status' : undefined}>
      <Icon name={icon} size={19} />
      {children}
    </div>
  );
}
