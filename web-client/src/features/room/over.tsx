// The last page of a lesson: why it is over, how long it was, what helps next.
import { Button } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { fetchConsultation } from '../../shared/api';
import { serverNow } from '../../shared/clock';
import { formatDuration } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { AfterLesson } from '../../shared/ui/after-lesson';
import type { IconName } from '../../shared/ui/icon';
import type { CloseReason } from '../../shared/wire.gen';
import type { RoomModel } from './model';
import { Frame, type FrameProps, ToTimetable } from './outside';
import styles from './outside.module.css';
import { roomTexts } from './texts';

const ICONS: Record<CloseReason | 'left', [IconName, FrameProps['tone']]> = {
  ended: ['check', 'good'],
  ended_by_host: ['check', 'good'],
  not_held: ['clock', 'bad'],
  cancelled: ['close', 'bad'],
  removed: ['remove', 'bad'],
  access_ended: ['lock', 'bad'],
  replaced: ['user', 'calm'],
  technical: ['warning', 'bad'],
  left: ['leave', 'calm'],
};
const CAN_COME_BACK: readonly (CloseReason | 'left')[] = ['left', 'replaced', 'technical'];

const TALKS: readonly (CloseReason | 'left')[] = ['ended', 'ended_by_host', 'left', 'technical'];

type OverProps = { model: RoomModel; reason: CloseReason | 'left'; onAgain: () => void };

export function Over({ model, reason, onAgain }: OverProps) {
  const t = useTexts(roomTexts);
  const locale = useLocale();
  const client = useQueryClient();
  const ended = useRef(serverNow());
  useEffect(() => {
    // The timetable has changed by what happened here.
    void client.invalidateQueries({ queryKey: ['timetable'] });
    void client.invalidateQueries({ queryKey: ['consultation'] });
  }, [client]);
  const [icon, tone] = ICONS[reason];
  const room = model.room?.room ?? '';
  // What broke off may be over for good: then nobody is asked back.
  const after = useQuery({
    queryKey: ['consultation', room, 'closed'],
    queryFn: () => fetchConsultation(room),
    enabled: reason === 'technical' && room !== '',
    retry: false,
  }).data;
  const isOver = after?.state === 'not_held';
  const isEmergency = after?.incident === 'emergency';
  const back = CAN_COME_BACK.includes(reason) && !isOver;
  const help = isOver ? t(isEmergency ? 'over_emergency_help' : 'over_technical_gone') : t(`over_${reason}_help`);
  return (
    <Frame icon={icon} tone={tone} title={isEmergency ? t('over_emergency') : t(`over_${reason}`)}>
      {model.room && <p className={styles.what}>{model.room.title}</p>}
      <p className={styles.text}>{help}</p>
      <p className={styles.small}>
        {model.joinedMs !== undefined &&
          t('over_duration', { time: formatDuration(ended.current - model.joinedMs, locale) })}
        {model.chat.messages.length > 0 && reason !== 'removed' && <> · {t('over_chat')}</>}
      </p>
      {model.room && TALKS.includes(reason) && (
        <AfterLesson consultation={model.room.room} broke={reason === 'technical'} />
      )}
      <div className={styles.actions}>
        <ToTimetable primary={!back} />
        {back && (
          <Button size="md" onClick={onAgain}>
            {t('over_again')}
          </Button>
        )}
      </div>
    </Frame>
  );
}
