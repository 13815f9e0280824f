// Who is here, who wants to speak, who waits; for the host also what each may do.
import { Button, Switch } from '@mantine/core';
import { useState } from 'react';
import { FoundOf } from '../../shared/checks/found';
import { commonTexts } from '../../shared/i18n/common';
import { useTexts } from '../../shared/i18n/use-texts';
import { Dialog } from '../../shared/ui/dialog';
import { Icon } from '../../shared/ui/icon';
import { Menu, MenuDivider, MenuItem } from '../../shared/ui/menu';
import { hueOf, initials } from '../../shared/ui/names';
import sheet from '../../shared/ui/sheet.module.css';
import type { MemberView, RoomPolicy } from '../../shared/wire.gen';
import { handPlace, people, type RoomModel, unheardBy } from './model';
import styles from './panels.module.css';
import type { RoomSession } from './session';
import { Signal } from './signal';
import { roomTexts } from './texts';

type Props = { session: RoomSession; model: RoomModel };

export function PeoplePanel({ session, model }: Props) {
  const t = useTexts(roomTexts);
  const [removing, setRemoving] = useState<MemberView>();
  const { moderate } = model.rights;
  const hasMedia = model.room?.form !== 'chat';
  const list = people(model);
  const hands = model.hands.flatMap((peer) => model.members.get(peer) ?? []);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region must be reachable by keyboard
    <section className={styles.scroll} tabIndex={0} aria-label={t('people')}>
      {moderate && model.lobby.length > 0 && (
        <section className={styles.group} aria-labelledby="lobby-title">
          <header className={styles.groupHead}>
            <h3 id="lobby-title">{t('lobby')}</h3>
            <button type="button" className={styles.link} onClick={() => session.admit()}>
              {t('admit_all')}
            </button>
          </header>
          <ul className={styles.list}>
            {model.lobby.map((waiting) => (
              <li key={waiting.peer} className={styles.person}>
                <Face person={waiting.person} name={waiting.display_name} />
                <span className={styles.who}>
                  <span className={styles.name}>{waiting.display_name}</span>
                  {model.room && hasMedia && (
                    <FoundOf consultation={model.room.room} form={model.room.form} person={waiting.person} />
                  )}
                </span>
                <Button
                  size="xs"
                  aria-label={t('admit', { name: waiting.display_name })}
                  onClick={() => session.admit(waiting.peer)}
                >
                  {t('admit_short')}
                </Button>
              </li>
            ))}
          </ul>
        </section>
      )}
      {hands.length > 0 && (
        <section className={styles.group} aria-labelledby="hands-title">
          <header className={styles.groupHead}>
            <h3 id="hands-title">{t('hands')}</h3>
            {moderate && (
              <button type="button" className={styles.link} onClick={() => session.lowerHand()}>
                {t('hands_lower_all')}
              </button>
            )}
          </header>
          <ol className={styles.list}>
            {hands.map((member, n) => (
              <li key={member.peer} className={styles.person}>
                <span className={styles.place} aria-hidden="true">
                  {n + 1}
                </span>
                <span className={styles.who}>
                  <span className={styles.name}>{member.display_name}</span>
                </span>
                {moderate && hasMedia && (
                  <Button
                    size="xs"
                    aria-label={t('give_floor', { name: member.display_name })}
                    onClick={() => session.giveFloor(member.peer, true)}
                  >
                    {t('give_floor_short')}
                  </Button>
                )}
              </li>
            ))}
          </ol>
        </section>
      )}
      <section className={styles.group}>
        {moderate && hasMedia && (
          <Button
            variant="default"
            size="xs"
            leftSection={<Icon name="mic_off" size={16} />}
            onClick={() => session.muteMember(undefined, 'microphone')}
          >
            {t('mute_all')}
          </Button>
        )}
        <ul className={styles.list}>
          {list.map((member) => (
            <Person key={member.peer} member={member} session={session} model={model} onRemove={setRemoving} />
          ))}
        </ul>
      </section>
      {moderate && model.room && (
        <Rules policy={model.room.policy} hasMedia={hasMedia} onChange={(policy) => session.setPolicy(policy)} />
      )}
      {moderate && model.room && hasMedia && (
        <a
          className={styles.link}
          href={`/api/v1/rooms/${encodeURIComponent(model.room.room)}/media`}
          download={`kafedra-media-${model.room.room}.json`}
        >
          {t('media_report')}
        </a>
      )}
      <RemoveDialog
        member={removing}
        onClose={() => setRemoving(undefined)}
        onRemove={(member) => session.removeMember(member.peer)}
      />
    </section>
  );
}

function Face({ person, name }: { person: string; name: string }) {
  return (
    <span className={styles.face} style={{ '--hue': hueOf(person) } as React.CSSProperties} aria-hidden="true">
      {initials(name)}
    </span>
  );
}

type PersonProps = Props & { member: MemberView; onRemove: (member: MemberView) => void };

function Person({ member, session, model, onRemove }: PersonProps) {
  const t = useTexts(roomTexts);
  const own = member.peer === model.peer;
  const hand = handPlace(model, member.peer);
  const recipient = member.role === 'recipient' || member.role === 'guardian';
  const hasMedia = model.room?.form !== 'chat';
  // Moderators are told of all; they see it at whoever does not hear.
  const unheard = model.rights.moderate ? unheardBy(model, member.peer) : [];
  return (
    <li className={styles.person} data-lost={!member.connected || undefined}>
      <Face person={member.person} name={member.display_name} />
      <span className={styles.who}>
        <span className={styles.name}>{own ? t('name_you', { name: member.display_name }) : member.display_name}</span>
        <span className={styles.role}>
          {t(`people_${member.role}`)}
          {member.promoted && ` · ${t('people_speaking')}`}
          {!member.connected && ` · ${t('people_lost')}`}
          {member.connected && member.signal === 'poor' && ` · ${t('people_poor')}`}
        </span>
        {unheard.length > 0 && (
          <span className={styles.unheard}>{t('people_not_hearing', { names: unheard.join(', ') })}</span>
        )}
      </span>
      <span className={styles.marks}>
        {hasMedia && member.connected && member.signal && <Signal level={member.signal} />}
        {hand !== undefined && (
          <span className={styles.handMark} role="img" aria-label={t('icon_hand', { place: hand })}>
            <Icon name="hand" size={16} />
          </span>
        )}
        {hasMedia && !member.microphone && (
          <span role="img" aria-label={t('icon_mic_off')}>
            <Icon name="mic_off" size={17} />
          </span>
        )}
        {hasMedia && member.camera && (
          <span role="img" aria-label={t('icon_cam_on')}>
            <Icon name="cam" size={17} />
          </span>
        )}
      </span>
      {model.rights.moderate && !own && recipient && (
        <Menu
          label={t('actions_for', { name: member.display_name })}
          buttonClassName={styles.more}
          button={<Icon name="more" size={18} />}
        >
          {hasMedia && (
            <MenuItem icon="floor" onClick={() => session.giveFloor(member.peer, !member.promoted)}>
              {member.promoted ? t('take_floor_short') : t('give_floor_short')}
            </MenuItem>
          )}
          {member.microphone && (
            <MenuItem icon="mic_off" onClick={() => session.muteMember(member.peer, 'microphone')}>
              {t('mute')}
            </MenuItem>
          )}
          {member.camera && (
            <MenuItem icon="cam_off" onClick={() => session.muteMember(member.peer, 'camera')}>
              {t('stop_camera')}
            </MenuItem>
          )}
          {member.screen && (
            <MenuItem icon="screen_stop" onClick={() => session.muteMember(member.peer, 'screen')}>
              {t('stop_screen')}
            </MenuItem>
          )}
          {hand !== undefined && (
            <MenuItem icon="hand" onClick={() => session.lowerHand(member.peer)}>
              {t('lower_hand')}
            </MenuItem>
          )}
          <MenuDivider />
          <MenuItem icon="remove" danger onClick={() => onRemove(member)}>
            {t('remove')}
          </MenuItem>
        </Menu>
      )}
    </li>
  );
}

/** As the hub takes them. */
const SLOW_MODES_S = [0, 10, 30, 60];

type RulesProps = { policy: RoomPolicy; hasMedia: boolean; onChange: (policy: RoomPolicy) => void };

function Rules({ policy, hasMedia, onChange }: RulesProps) {
  const t = useTexts(roomTexts);
  const rules = [
    ...(hasMedia ? (['microphones_locked', 'cameras_locked'] as const) : []),
    'chat_locked' as const,
    'admission' as const,
  ];
  const words = {
    microphones_locked: t('policy_microphones'),
    cameras_locked: t('policy_cameras'),
    chat_locked: t('policy_chat'),
    admission: t('policy_admission'),
  };
  return (
    <section className={styles.group} aria-labelledby="rules-title">
      <h3 id="rules-title">{t('policy')}</h3>
      {rules.map((rule) => (
        <Switch
          key={rule}
          label={words[rule]}
          checked={policy[rule]}
          onChange={(event) => onChange({ ...policy, [rule]: event.currentTarget.checked })}
        />
      ))}
      <label className={sheet.field}>
        {t('policy_slow')}
        <select
          value={policy.slow_mode_s}
          onChange={(event) => onChange({ ...policy, slow_mode_s: Number(event.currentTarget.value) })}
        >
          {SLOW_MODES_S.map((seconds) => (
            <option key={seconds} value={seconds}>
              {seconds === 0 ? t('slow_off') : t('slow_every', { seconds })}
            </option>
          ))}
        </select>
      </label>
    </section>
  );
}

type RemoveProps = {
  member: MemberView | undefined;
  onClose: () => void;
  onRemove: (member: MemberView) => void;
};

function RemoveDialog({ member, onClose, onRemove }: RemoveProps) {
  const t = useTexts(roomTexts);
  const tc = useTexts(commonTexts);
  const name = member?.display_name ?? '';
  return (
    <Dialog opened={member !== undefined} onClose={onClose} title={t('remove_title', { name })}>
      <p className={styles.dialogText}>{t('remove_help', { name })}</p>
      <div className={styles.dialogActions}>
        <Button variant="default" onClick={onClose}>
          {tc('cancel')}
        </Button>
        <Button
          color="red.9"
          onClick={() => {
            if (member) onRemove(member);
            onClose();
          }}
        >
          {t('remove_confirm')}
        </Button>
      </div>
    </Dialog>
  );
}
