// What just happened: seen for a few seconds, and read out.
import { useEffect } from 'react';
import { commonTexts, errorTexts } from '../../shared/i18n/common';
import { useTexts } from '../../shared/i18n/use-texts';
import { Icon, type IconName } from '../../shared/ui/icon';
import type { Panel } from './controls';
import type { Notice, RoomModel } from './model';
import styles from './room.module.css';
import type { RoomSession } from './session';
import { roomTexts } from './texts';

const SHOWN_MS = 6_000;

type Props = { session: RoomSession; model: RoomModel; panel: Panel | undefined };

export function Notices({ session, model, panel }: Props) {
  // With everybody's comings and goings on the screen a large room would flicker; they are read out all the same.
  const large = model.members.size > 8;
  return (
    <div className={styles.notices} role="status" aria-live="polite" data-beside={panel !== undefined || undefined}>
      {model.notices.map((notice) => (
        <One
          key={notice.id}
          notice={notice}
          quiet={large && (notice.kind === 'came' || notice.kind === 'gone')}
          onGone={() => session.dismissNotice(notice.id)}
        />
      ))}
    </div>
  );
}

const ICONS: Record<Notice['kind'], IconName> = {
  came: 'user',
  gone: 'leave',
  hand: 'hand',
  floor_given: 'floor',
  floor_given_to: 'floor',
  floor_taken: 'floor',
  back_online: 'wifi',
  lobby: 'door',
  muted_by_host: 'mic_off',
  refused: 'info',
};

function One({ notice, quiet, onGone }: { notice: Notice; quiet: boolean; onGone: () => void }) {
  const t = useTexts(commonTexts);
  const text = useNoticeText()(notice);
  // biome-ignore lint/correctness/useExhaustiveDependencies: one timer for one notice
  useEffect(() => {
    const timer = setTimeout(onGone, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [notice.id]);
  return (
    <div className={styles.notice} data-quiet={quiet || undefined}>
      <Icon name={ICONS[notice.kind]} size={18} />
      <span>{text}</span>
      <button type="button" aria-label={t('close')} onClick={onGone}>
        <Icon name="close" size={15} />
      </button>
    </div>
  );
}

function useNoticeText(): (notice: Notice) => string {
  const t = useTexts(roomTexts);
  const te = useTexts(errorTexts);
  return (notice) => {
    switch (notice.kind) {
      case 'came':
      case 'gone':
      case 'hand':
      case 'floor_given_to':
        return t(`notice_${notice.kind}`, { name: notice.name });
      case 'floor_given':
      case 'floor_taken':
      case 'lobby':
        return t(`notice_${notice.kind}`);
      case 'back_online':
        return t('back_online');
      case 'muted_by_host':
        return t(`notice_muted_${notice.source === 'screen_audio' ? 'screen' : notice.source}`);
      case 'refused':
        return te(notice.refusal.code);
      default:
        return notice satisfies never;
    }
  };
}
