// The bar under the stage: one's own microphone, camera, screen and hand; panels; the way out.
import type { ReactNode } from 'react';
import { useTexts } from '../../shared/i18n/use-texts';
import { canShareScreen } from '../../shared/media/devices';
import { Icon, type IconName } from '../../shared/ui/icon';
import { unread } from './chat-model';
import styles from './controls.module.css';
import type { LocalState } from './local-media';
import { handPlace, people, type RoomModel, self } from './model';
import type { RoomSession } from './session';
import { roomTexts } from './texts';

export type Panel = 'chat' | 'people';

type Props = {
  session: RoomSession;
  model: RoomModel;
  local: LocalState;
  panel: Panel | undefined;
  onPanel: (panel: Panel | undefined) => void;
  onLeave: () => void;
};

export function Controls({ session, model, local, panel, onPanel, onLeave }: Props) {
  const t = useTexts(roomTexts);
  const { rights, room } = model;
  const me = self(model);
  const isChat = room?.form === 'chat';
  const news = panel === 'chat' ? 0 : unread(model.chat, model.person);
  const hand = model.peer === undefined ? undefined : handPlace(model, model.peer);
  const listens = room?.form === 'webinar' && !rights.publish_audio && !rights.publish_video;
  const lockedMic = !rights.publish_audio && room?.policy.microphones_locked;
  const lockedCam = !rights.publish_video && room?.policy.cameras_locked;
  const mic = local.microphone !== 'off' && rights.publish_audio;
  const cam = local.camera !== 'off' && rights.publish_video;
  const screen = local.screen !== 'off';
  const observer = me?.role === 'observer';
  return (
    <nav className={styles.bar} aria-label={t('controls')}>
      {!isChat && !listens && !observer && (
        <>
          <Control
            icon={mic ? 'mic' : 'mic_off'}
            label={mic ? t('mic_off') : t('mic_on')}
            short={t('mic_short')}
            tone={mic ? 'on' : 'off'}
            disabled={!rights.publish_audio}
            reason={lockedMic ? t('locked_mic') : undefined}
            hotkey="M"
            onClick={() => session.local.toggle('microphone')}
          />
          <Control
            icon={cam ? 'cam' : 'cam_off'}
            label={cam ? t('cam_off') : t('cam_on')}
            short={t('cam_short')}
            tone={cam ? 'on' : 'off'}
            disabled={!rights.publish_video}
            reason={lockedCam ? t('locked_cam') : undefined}
            hotkey="V"
            onClick={() => session.local.toggle('camera')}
          />
        </>
      )}
      {rights.publish_screen && canShareScreen() && (
        <Control
          icon={screen ? 'screen_stop' : 'screen'}
          label={screen ? t('share_stop') : t('share')}
          short={t('share_short')}
          tone={screen ? 'active' : 'on'}
          onClick={() => session.local.toggle('screen')}
        />
      )}
      {rights.raise_hand && !isChat && (
        <Control
          icon="hand"
          label={hand === undefined ? t('hand_up') : t('hand_down')}
          short={hand === undefined ? t('hand_short') : t('hand_place', { place: hand })}
          tone={hand === undefined ? 'on' : 'active'}
          pressed={hand !== undefined}
          hotkey="H"
          onClick={() => session.raiseHand(hand === undefined)}
        />
      )}
      <span className={styles.gap} />
      {!isChat && (
        <Control
          icon="chat"
          label={news > 0 ? t('chat_button_unread', { count: news }) : t('chat_button')}
          short={t('chat_short')}
          tone={panel === 'chat' ? 'chosen' : 'on'}
          expanded={panel === 'chat'}
          badge={news}
          onClick={() => onPanel(panel === 'chat' ? undefined : 'chat')}
        />
      )}
      <Control
        icon="people"
        label={t('people_button', { count: people(model).length })}
        short={t('people_short')}
        tone={panel === 'people' ? 'chosen' : 'on'}
        expanded={panel === 'people'}
        badge={rights.moderate ? model.hands.length + model.lobby.length : 0}
        onClick={() => onPanel(panel === 'people' ? undefined : 'people')}
      />
      <Control icon="leave" label={t('leave')} short={t('leave_short')} tone="leave" onClick={onLeave} />
    </nav>
  );
}

type ControlProps = {
  icon: IconName;
  label: string;
  short: ReactNode;
  tone: 'on' | 'off' | 'active' | 'chosen' | 'leave';
  disabled?: boolean;
  /** Why it is disabled. */
  reason?: string;
  pressed?: boolean;
  expanded?: boolean;
  badge?: number;
  hotkey?: string;
  onClick: () => void;
};

function Control({
  icon,
  label,
  short,
  tone,
  disabled,
  reason,
  pressed,
  expanded,
  badge,
  hotkey,
  onClick,
}: ControlProps) {
  return (
    <button
      type="button"
      className={styles.control}
      data-tone={tone}
      aria-label={label}
      aria-pressed={pressed}
      aria-expanded={expanded}
      aria-keyshortcuts={hotkey}
      title={reason ?? (hotkey ? `${label} (${hotkey})` : label)}
      disabled={disabled}
      onClick={onClick}
    >
      <span className={styles.icon}>
        <Icon name={icon} size={22} />
        {badge !== undefined && badge > 0 && (
          <span className={styles.badge} aria-hidden="true">
            {badge > 99 ? '99+' : badge}
          </span>
        )}
      </span>
      <span className={styles.short} aria-hidden="true">
        {short}
      </span>
    </button>
  );
}
