// The tiles: faces, screens, names.
import { ActionIcon } from '@mantine/core';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useTexts } from '../../shared/i18n/use-texts';
import { Icon } from '../../shared/ui/icon';
import { hueOf, initials, shortName } from '../../shared/ui/names';
import { layout, type PlacedTile, type Size, type View } from './layout';
import { handPlace, type RoomModel } from './model';
import type { RoomSession } from './session';
import { Signal } from './signal';
import styles from './stage.module.css';
import { roomTexts } from './texts';

type Props = { session: RoomSession; model: RoomModel; view: View; onView: (change: Partial<View>) => void };

export function Stage({ session, model, view, onView }: Props) {
  const t = useTexts(roomTexts);
  const [frame, size] = useSize();
  const placed = useMemo(() => layout(model, view, size), [model, view, size]);
  // The same tiles in the same order ask for nothing new; the session compares.
  useEffect(() => session.showTiles(placed.tiles), [session, placed]);
  const others = [...model.members.values()].filter(({ peer, seat }) => peer !== model.peer && seat === 'person');
  return (
    <section className={styles.stage} aria-label={t('stage')}>
      <div ref={frame} className={styles.frame}>
        {placed.tiles.map((tile) => (
          <TileView
            key={tile.id}
            tile={tile}
            session={session}
            model={model}
            pinned={view.pinned === tile.id}
            onPin={() => onView({ pinned: view.pinned === tile.id ? undefined : tile.id, page: 0 })}
          />
        ))}
        {placed.tiles.length === 0 && (
          <p className={styles.empty}>{others.length === 0 ? t('alone') : t('nobody_on_stage')}</p>
        )}
      </div>
      {placed.pages > 1 && (
        <nav className={styles.pages}>
          <ActionIcon
            variant="default"
            size="lg"
            aria-label={t('previous_page')}
            disabled={placed.page === 0}
            onClick={() => onView({ page: placed.page - 1 })}
          >
            <Icon name="left" />
          </ActionIcon>
          <span aria-live="polite">{t('page_of', { page: placed.page + 1, pages: placed.pages })}</span>
          <ActionIcon
            variant="default"
            size="lg"
            aria-label={t('next_page')}
            disabled={placed.page >= placed.pages - 1}
            onClick={() => onView({ page: placed.page + 1 })}
          >
            <Icon name="right" />
          </ActionIcon>
        </nav>
      )}
    </section>
  );
}

function useSize(): [React.RefObject<HTMLDivElement | null>, Size] {
  const frame = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const observer = new ResizeObserver(([entry]) => {
      if (!entry) return;
      const { width, height } = entry.contentRect;
      setSize((before) =>
        Math.abs(before.width - width) < 1 && Math.abs(before.height - height) < 1 ? before : { width, height },
      );
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [frame, size];
}

/** Narrower tiles have no room for a patronymic, and still narrower ones none for a family name. */
const NARROW_PX = 300;
const TINY_PX = 140;
/** The face in the corner of a screen takes this from its name. */
const FACE_PX = 130;

type TileProps = { tile: PlacedTile; session: RoomSession; model: RoomModel; pinned: boolean; onPin: () => void };

function TileView({ tile, session, model, pinned, onPin }: TileProps) {
  const t = useTexts(roomTexts);
  const member = model.members.get(tile.peer);
  const ownTrack = tile.own ? session.local.track('camera') : undefined;
  const ownStream = useMemo(() => ownTrack && new MediaStream([ownTrack]), [ownTrack]);
  const stream = tile.own ? ownStream : tile.source === undefined ? undefined : session.streamOf(tile.source);
  if (!member) return null;
  const name = tile.own ? t('name_you', { name: member.display_name }) : member.display_name;
  const label = tile.kind === 'screen' ? t('screen_of', { name: member.display_name }) : name;
  const speaking = tile.kind === 'camera' && model.speakers.includes(tile.peer) && member.microphone;
  const hand = handPlace(model, tile.peer);
  const { x, y, width, height } = tile.rect;
  const room = tile.kind === 'screen' ? width - FACE_PX : width;
  const short = shortName(member.display_name);
  return (
    <figure
      className={styles.tile}
      data-place={tile.place}
      data-kind={tile.kind}
      data-speaking={speaking || undefined}
      data-lost={!member.connected || undefined}
      style={{ transform: `translate(${x}px, ${y}px)`, width, height }}
      aria-label={label}
    >
      {stream ? (
        <Video
          stream={stream}
          mirrored={tile.own}
          contain={tile.kind === 'screen' || tile.place === 'large'}
          label={label}
        />
      ) : (
        <span
          className={styles.avatar}
          style={{ '--hue': hueOf(member.person) } as React.CSSProperties}
          aria-hidden="true"
        >
          {initials(member.display_name)}
        </span>
      )}
      <figcaption className={styles.name}>
        {tile.kind === 'screen' ? (
          <Icon name="screen" size={15} />
        ) : (
          !member.microphone && (
            <span className={styles.muted} role="img" aria-label={t('icon_mic_off')}>
              <Icon name="mic_off" size={15} />
            </span>
          )
        )}
        {tile.kind === 'camera' && member.connected && member.signal && member.signal !== 'good' && (
          <Signal level={member.signal} size={13} />
        )}
        <span className={styles.nameText}>
          {room >= NARROW_PX ? label : room >= TINY_PX ? short : short.split(' ')[0]}
        </span>
      </figcaption>
      {hand !== undefined && tile.kind === 'camera' && (
        <span className={styles.hand} role="img" aria-label={t('icon_hand', { place: hand })}>
          <Icon name="hand" size={16} />
          {hand}
        </span>
      )}
      {tile.place !== 'corner' && (
        <button
          type="button"
          className={styles.pin}
          aria-pressed={pinned}
          aria-label={pinned ? t('unpin', { name: label }) : t('pin', { name: label })}
          title={pinned ? t('unpin', { name: label }) : t('pin', { name: label })}
          onClick={onPin}
        >
          <Icon name="pin" size={17} />
        </button>
      )}
    </figure>
  );
}

type VideoProps = { stream: MediaStream; mirrored: boolean; contain: boolean; label: string };

function Video({ stream, mirrored, contain, label }: VideoProps) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    element.srcObject = stream;
    // Muted video may always play; should the browser still wait, it plays after the first click.
    element.play().catch(() => undefined);
    return () => {
      element.srcObject = null;
    };
  }, [stream]);
  return (
    <video
      ref={video}
      className={styles.video}
      data-mirrored={mirrored || undefined}
      data-contain={contain || undefined}
      aria-label={label}
      autoPlay
      playsInline
      muted
    />
  );
}

/** The voices: one element per audio slot, whatever the layout shows. */
export function Voices({ session, streams }: { session: RoomSession; streams: MediaStream[] }) {
  return (
    <div hidden>
      {streams.map((stream) => (
        <Voice key={stream.id} session={session} stream={stream} />
      ))}
    </div>
  );
}

const voices = new Set<HTMLAudioElement>();

/** After a click of the person. */
export async function unblockSound(): Promise<boolean> {
  const results = await Promise.allSettled([...voices].map((element) => element.play()));
  return results.every(({ status }) => status === 'fulfilled');
}

function Voice({ session, stream }: { session: RoomSession; stream: MediaStream }) {
  const audio = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    const element = audio.current;
    if (!element) return;
    voices.add(element);
    element.srcObject = stream;
    const speaker = localStorage.getItem('kafedra.device.speaker');
    if (speaker && 'setSinkId' in element) element.setSinkId(speaker).catch(() => undefined);
    element.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === 'NotAllowedError') session.noteSoundBlocked(true);
    });
    return () => {
      voices.delete(element);
      element.srcObject = null;
    };
  }, [session, stream]);
  // biome-ignore lint/a11y/useMediaCaption: live voices have no captions yet
  return <audio ref={audio} autoPlay />;
}
