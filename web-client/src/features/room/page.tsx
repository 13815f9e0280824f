// A room from the door to the end: device check, the stay, the last page.
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { type Consultation, fetchConsultation } from '../../shared/api';
import { hasSeat } from '../../shared/net/signaling';
import { useTitle } from '../../shared/ui/use-title';
import { DeviceCheck } from './device-check';
import { LocalMedia, rememberedMedia } from './local-media';
import { Refused, Waiting } from './outside';
import { RoomView } from './room-view';
import { RoomSession } from './session';

// The room itself must be small.
const loadOver = () => import('./later');
const Over = lazy(async () => ({ default: (await loadOver()).Over }));

const route = getRouteApi('/signed-in/room/$room');

export function RoomPage() {
  const { room } = route.useParams();
  const { beside } = route.useSearch();
  const consultation = useQuery({
    queryKey: ['consultation', room],
    queryFn: () => fetchConsultation(room),
    staleTime: 30_000,
  });
  useTitle(consultation.data?.title);
  // A room without a page of its own is still worth trying: the hub has the last word.
  if (consultation.isPending) return null;
  return <Door key={room} room={room} beside={beside} consultation={consultation.data} />;
}

type DoorProps = { room: string; beside: string | undefined; consultation: Consultation | undefined };

function Door({ room, beside, consultation }: DoorProps) {
  const local = useMemo(() => new LocalMedia(), []);
  const isChat = consultation?.form === 'chat';
  // After a reload the seat is still there: straight back in, with what was on.
  const [wanted, setWanted] = useState(() => (isChat || hasSeat(room) ? 1 : 0));
  useEffect(() => () => local.stop(), [local]);
  useEffect(() => {
    if (!hasSeat(room) || isChat) return;
    const { microphone, camera } = rememberedMedia();
    if (microphone) void local.on('microphone');
    if (camera) void local.on('camera');
  }, [room, isChat, local]);
  if (wanted === 0)
    return <DeviceCheck consultation={consultation} local={local} onEnter={() => setWanted(wanted + 1)} />;
  return (
    <Stay
      key={wanted}
      room={room}
      beside={beside}
      consultation={consultation}
      local={local}
      onAgain={() => setWanted(isChat ? wanted + 1 : 0)}
    />
  );
}

type StayProps = DoorProps & { local: LocalMedia; onAgain: () => void };

function Stay({ room, beside, consultation, local, onAgain }: StayProps) {
  const [session, setSession] = useState<RoomSession>();
  useEffect(() => {
    const created = new RoomSession(room, beside, local);
    setSession(created);
    created.start();
    return () => created.dispose();
  }, [room, beside, local]);
  return session ? <Inside session={session} consultation={consultation} onAgain={onAgain} /> : null;
}

type InsideProps = { session: RoomSession; consultation: Consultation | undefined; onAgain: () => void };

function Inside({ session, consultation, onAgain }: InsideProps) {
  const snapshot = useSyncExternalStore(session.subscribe, session.snapshot);
  const leave = useCallback(() => session.leave(), [session]);
  // Fetched while nobody waits for it: the end may come on a dropped line.
  useEffect(() => {
    void loadOver();
  }, []);
  const { model } = snapshot;
  switch (model.stage.kind) {
    case 'connecting':
      return <Waiting model={model} consultation={consultation} onLeave={leave} />;
    case 'waiting':
      return <Waiting model={model} consultation={consultation} onLeave={leave} />;
    case 'refused':
      return (
        <Refused
          refusal={model.stage.refusal}
          consultation={consultation}
          onAgain={() => {
            session.tryAgain();
          }}
        />
      );
    case 'over':
      return (
        <Suspense>
          <Over model={model} reason={model.stage.reason} onAgain={onAgain} />
        </Suspense>
      );
    case 'inside':
      return <RoomView session={session} snapshot={snapshot} />;
    default:
      return model.stage satisfies never;
  }
}
