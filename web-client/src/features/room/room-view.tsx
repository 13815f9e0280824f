// Inside the room: heading, stage, panels, controls.
import { Button } from '@mantine/core';
import { lazy, Suspense, useEffect, useState, useSyncExternalStore } from 'react';
import { commonTexts } from '../../shared/i18n/common';
import { useTexts } from '../../shared/i18n/use-texts';
import { Dialog } from '../../shared/ui/dialog';
import { Icon } from '../../shared/ui/icon';
import { Banners } from './banners';
import { Controls, type Panel } from './controls';
import { Heading } from './heading';
import type { View } from './layout';
import { Notices } from './notices';
import panels from './panels.module.css';
import styles from './room.module.css';
import type { RoomSession, Snapshot } from './session';
import { Stage, Voices } from './stage';
import { roomTexts } from './texts';

// Opened on demand: the room itself must be small.
const loadPanels = () => import('./later');
const PeoplePanel = lazy(async () => ({ default: (await loadPanels()).PeoplePanel }));
const ChatPanel = lazy(async () => ({ default: (await loadPanels()).ChatPanel }));

type Props = { session: RoomSession; snapshot: Snapshot };

export function RoomView({ session, snapshot }: Props) {
  const t = useTexts(roomTexts);
  const { model } = snapshot;
  const local = useSyncExternalStore(session.local.subscribe, session.local.snapshot);
  const isChat = model.room?.form === 'chat';
  const [panel, setPanel] = useState<Panel>();
  const [leaving, setLeaving] = useState(false);
  const [view, setView] = useState<View>(() => ({
    mode: model.room?.form === 'webinar' || model.room?.form === 'individual' ? 'speaker' : 'grid',
    pinned: undefined,
    hideSelf: false,
    page: 0,
  }));
  const changeView = (change: Partial<View>) => setView((before) => ({ ...before, ...change }));
  useHotkeys(session);
  // Fetched while nobody waits for it, so that it opens at once, on a dropped line too.
  useEffect(() => {
    void loadPanels();
  }, []);

  return (
    <div className={styles.room} data-form={model.room?.form}>
      <Heading session={session} snapshot={snapshot} view={view} onView={changeView} />
      <Banners session={session} snapshot={snapshot} local={local} />
      <main className={styles.middle}>
        {isChat ? (
          <section className={styles.page} aria-label={t('chat')}>
            <Suspense>
              <ChatPanel session={session} model={model} seen={panel === undefined} page />
            </Suspense>
          </section>
        ) : (
          <Stage session={session} model={model} view={view} onView={changeView} />
        )}
        {panel && (
          <PanelFrame title={panel === 'chat' ? t('chat') : t('people')} onClose={() => setPanel(undefined)}>
            <Suspense>
              {panel === 'chat' ? (
                <ChatPanel session={session} model={model} seen />
              ) : (
                <PeoplePanel session={session} model={model} />
              )}
            </Suspense>
          </PanelFrame>
        )}
        <Notices session={session} model={model} panel={panel} />
      </main>
      <Controls
        session={session}
        model={model}
        local={local}
        panel={panel}
        onPanel={setPanel}
        onLeave={() => setLeaving(true)}
      />
      {!isChat && <Voices session={session} streams={session.audioStreams()} />}
      <LeaveDialog session={session} snapshot={snapshot} opened={leaving} onClose={() => setLeaving(false)} />
    </div>
  );
}

type PanelProps = { title: string; onClose: () => void; children: React.ReactNode };

function PanelFrame({ title, onClose, children }: PanelProps) {
  const t = useTexts(commonTexts);
  return (
    <aside className={styles.panel} aria-label={title}>
      <header className={styles.panelHead}>
        <h2>{title}</h2>
        <button type="button" className={panels.more} aria-label={t('close')} onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {children}
    </aside>
  );
}

/** Single letters, as the regulation's rooms are small: never while somebody writes. By place on the keyboard, so the layout does not matter. */
function useHotkeys(session: RoomSession): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      const target = event.target as HTMLElement;
      if (target.closest('input, textarea, select, [role=menu], dialog')) return;
      const { model } = session.snapshot();
      if (event.code === 'KeyM' && session.may('microphone')) session.local.toggle('microphone');
      else if (event.code === 'KeyV' && session.may('camera')) session.local.toggle('camera');
      else if (event.code === 'KeyH' && model.rights.raise_hand && model.peer !== undefined)
        session.raiseHand(!model.hands.includes(model.peer));
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [session]);
}

type LeaveProps = Props & { opened: boolean; onClose: () => void };

function LeaveDialog({ session, snapshot, opened, onClose }: LeaveProps) {
  const t = useTexts(roomTexts);
  const { model } = snapshot;
  const [ending, setEnding] = useState(false);
  const hosts = model.rights.moderate;
  // A one-to-one talk may be ended by either side.
  const canEnd = hosts || model.room?.form === 'individual';
  const close = () => {
    setEnding(false);
    onClose();
  };
  return (
    <Dialog opened={opened} onClose={close} title={ending ? t('end_title') : t('leave_title')}>
      {(ending || hosts) && <p className={panels.dialogText}>{ending ? t('end_help') : t('leave_host_help')}</p>}
      <div className={panels.dialogActions}>
        <Button variant="default" onClick={close}>
          {t('stay')}
        </Button>
        {ending ? (
          <Button color="red.9" onClick={() => session.endForAll()}>
            {t('end_all')}
          </Button>
        ) : (
          <>
            {canEnd && (
              <Button variant="default" className={styles.danger} onClick={() => setEnding(true)}>
                {t('end_all')}
              </Button>
            )}
            <Button color="red.9" onClick={() => session.leave()} data-autofocus>
              {t('leave_only')}
            </Button>
          </>
        )}
      </div>
    </Dialog>
  );
}
