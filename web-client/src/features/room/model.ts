// A room as one person sees it: a reducer over what the hub says. No React, no socket, no clock.

import type { Refusal } from '../../shared/errors';
import type { Connection } from '../../shared/net/signaling';
import type { Codecs } from '../../shared/rtc/encodings';
import type {
  CloseReason,
  IceServer,
  MemberView,
  Mid,
  PeerId,
  PersonId,
  Rights,
  RoomView,
  ServerMessage,
  SourceId,
  SourceKind,
  SourceView,
  Unheard,
  WaitingReason,
  WaitingView,
} from '../../shared/wire.gen';
import * as chat from './chat-model';

export type Stage =
  | { kind: 'connecting' }
  /** The hub did not let us in. */
  | { kind: 'refused'; refusal: Refusal }
  | { kind: 'waiting'; reason: WaitingReason; waiting: number }
  | { kind: 'inside' }
  | { kind: 'over'; reason: CloseReason | 'left' };

/** Something that just happened, told once. `name` is the person whom it is about. */
export type Happening =
  | { kind: 'came' | 'gone' | 'hand' | 'floor_given_to'; name: string }
  | { kind: 'floor_given' | 'floor_taken' | 'back_online' | 'lobby' }
  | { kind: 'muted_by_host'; source: SourceKind }
  | { kind: 'refused'; refusal: Refusal };
export type Notice = Happening & { id: number };

export type RoomModel = {
  stage: Stage;
  connection: Connection;
  person: PersonId | undefined;
  peer: PeerId | undefined;
  room: RoomView | undefined;
  rights: Rights;
  /** Keeps the order of arrival. */
  members: Map<PeerId, MemberView>;
  hands: PeerId[];
  sources: SourceView[];
  slots: Map<Mid, SourceId>;
  /** Loudest first; empty when all are quiet. */
  speakers: PeerId[];
  /** Who spoke last, the person themself excluded: the big tile stays on them through a pause. */
  lastSpeaker: PeerId | undefined;
  lobby: WaitingView[];
  chat: chat.ChatModel;
  notices: Notice[];
  nextNotice: number;
  /** Who cannot hear whom: all of it for moderators, for others who it is that cannot hear them. */
  unheard: Unheard[];
  /** For the peer connection of this seat. */
  media: { iceServers: IceServer[]; audioSlots: number; videoSlots: number; codecs: Codecs };
  /** Hub time of the first seat, for the duration on the last page. */
  joinedMs: number | undefined;
};

export const NO_RIGHTS: Rights = {
  publish_audio: false,
  publish_video: false,
  publish_screen: false,
  chat: false,
  raise_hand: false,
  moderate: false,
  receive_media: false,
};

export const emptyRoom: RoomModel = {
  stage: { kind: 'connecting' },
  connection: { kind: 'connecting' },
  person: undefined,
  peer: undefined,
  room: undefined,
  rights: NO_RIGHTS,
  members: new Map(),
  hands: [],
  sources: [],
  slots: new Map(),
  speakers: [],
  lastSpeaker: undefined,
  lobby: [],
  chat: chat.emptyChat,
  notices: [],
  nextNotice: 1,
  media: { iceServers: [], audioSlots: 0, videoSlots: 0, codecs: { camera: 'vp8', screen: 'vp8' } },
  unheard: [],
  joinedMs: undefined,
};

export type RoomEvent =
  | { type: 'server'; message: ServerMessage; nowMs: number }
  | { type: 'connection'; connection: Connection }
  | { type: 'left' }
  | { type: 'chat_written'; outgoing: chat.Outgoing }
  | { type: 'chat_given_up'; clientMsgId: string }
  | { type: 'chat_older_asked' }
  | { type: 'chat_read' }
  | { type: 'notice'; happening: Happening }
  | { type: 'notice_dismissed'; id: number };

const MOST_NOTICES = 4;

export function reduce(model: RoomModel, event: RoomEvent): RoomModel {
  switch (event.type) {
    case 'server':
      return onServer(model, event.message, event.nowMs);
    case 'connection':
      return onConnection(model, event.connection);
    case 'left':
      return { ...model, stage: { kind: 'over', reason: 'left' } };
    case 'chat_written':
      return { ...model, chat: chat.write(model.chat, event.outgoing) };
    case 'chat_given_up':
      return { ...model, chat: chat.giveUp(model.chat, event.clientMsgId) };
    case 'chat_older_asked':
      return { ...model, chat: { ...model.chat, loadingOlder: true } };
    case 'chat_read':
      return { ...model, chat: chat.read(model.chat) };
    case 'notice':
      return notify(model, event.happening);
    case 'notice_dismissed':
      return { ...model, notices: model.notices.filter((notice) => notice.id !== event.id) };
    default:
      return event satisfies never;
  }
}

function notify(model: RoomModel, happening: Happening): RoomModel {
  const notice = { ...happening, id: model.nextNotice };
  return { ...model, notices: [...model.notices, notice].slice(-MOST_NOTICES), nextNotice: model.nextNotice + 1 };
}

function onConnection(model: RoomModel, connection: Connection): RoomModel {
  const back = model.connection.kind === 'reconnecting' && connection.kind === 'online';
  const next = { ...model, connection };
  return back ? notify(next, { kind: 'back_online' }) : next;
}

function onServer(model: RoomModel, message: ServerMessage, nowMs: number): RoomModel {
  switch (message.type) {
    case 'welcome':
      return { ...model, person: message.person };
    case 'joined': {
      const me = message.members.find((member) => member.peer === message.peer);
      const person = me?.person ?? model.person;
      return {
        ...model,
        stage: { kind: 'inside' },
        person,
        peer: message.peer,
        room: message.room,
        rights: message.rights,
        members: new Map(message.members.map((member) => [member.peer, member])),
        hands: message.hands,
        sources: message.sources,
        slots: message.resumed ? model.slots : new Map(),
        // Told again after this, if there is anything to tell.
        unheard: [],
        speakers: [],
        chat: chat.onJoined(model.chat, message.chat, message.resumed, person ?? ''),
        media: {
          iceServers: message.ice_servers,
          audioSlots: message.audio_slots,
          videoSlots: message.video_slots,
          codecs: { camera: message.camera_codec, screen: message.screen_codec },
        },
        joinedMs: model.joinedMs ?? nowMs,
      };
    }
    case 'ice_servers':
      return { ...model, media: { ...model.media, iceServers: message.ice_servers } };
    case 'waiting':
      return {
        ...model,
        stage: { kind: 'waiting', reason: message.reason, waiting: message.waiting },
        room: message.room,
        peer: undefined,
        members: new Map(),
        hands: [],
        sources: [],
        slots: new Map(),
        speakers: [],
        rights: NO_RIGHTS,
      };
    case 'member_joined': {
      const members = new Map(model.members).set(message.member.peer, message.member);
      const next = { ...model, members };
      return message.member.seat === 'person' && message.member.peer !== model.peer
        ? notify(next, { kind: 'came', name: message.member.display_name })
        : next;
    }
    case 'member_changed':
      return onMemberChanged(model, message.member);
    case 'member_left': {
      const left = model.members.get(message.peer);
      if (!left) return model;
      const members = new Map(model.members);
      members.delete(message.peer);
      const next = {
        ...model,
        members,
        hands: model.hands.filter((peer) => peer !== message.peer),
        speakers: model.speakers.filter((peer) => peer !== message.peer),
        lastSpeaker: model.lastSpeaker === message.peer ? undefined : model.lastSpeaker,
      };
      return left.seat === 'person' ? notify(next, { kind: 'gone', name: left.display_name }) : next;
    }
    case 'room_changed':
      return { ...model, room: message.room };
    case 'rights':
      return { ...model, rights: message.rights };
    case 'hand_queue':
      return onHands(model, message.peers);
    case 'lobby':
      return message.waiting.length > model.lobby.length
        ? notify({ ...model, lobby: message.waiting }, { kind: 'lobby' })
        : { ...model, lobby: message.waiting };
    case 'mute_requested':
      return notify(model, { kind: 'muted_by_host', source: message.kind });
    case 'sources':
      return { ...model, sources: message.sources };
    case 'slot_map':
      return {
        ...model,
        slots: new Map(message.slots.flatMap(({ mid, source }) => (source ? [[mid, source] as const] : []))),
      };
    case 'speakers':
      return {
        ...model,
        speakers: message.peers,
        lastSpeaker: message.peers.find((peer) => peer !== model.peer) ?? model.lastSpeaker,
      };
    case 'unheard':
      return { ...model, unheard: message.pairs };
    case 'chat_ack':
      // The message itself follows in the room's order; until then it stands below as on its way.
      return model;
    case 'chat_message':
      return { ...model, chat: chat.onMessage(model.chat, message, model.person ?? '') };
    case 'chat_changed':
      return { ...model, chat: chat.onChanged(model.chat, message.message) };
    case 'chat_history':
      return { ...model, chat: chat.onHistory(model.chat, message, model.person ?? '') };
    case 'error':
      return onError(model, message);
    case 'closed':
      return { ...model, stage: { kind: 'over', reason: message.reason } };
    case 'answer':
    case 'layers_wanted':
    case 'media_lost':
    case 'reconnect':
      // For the peer connection and the socket.
      return model;
    default:
      return message satisfies never;
  }
}

function onMemberChanged(model: RoomModel, member: MemberView): RoomModel {
  const before = model.members.get(member.peer);
  const next = { ...model, members: new Map(model.members).set(member.peer, member) };
  if (!before || before.promoted === member.promoted) return next;
  if (member.peer === model.peer) return notify(next, { kind: member.promoted ? 'floor_given' : 'floor_taken' });
  return member.promoted ? notify(next, { kind: 'floor_given_to', name: member.display_name }) : next;
}

function onHands(model: RoomModel, peers: PeerId[]): RoomModel {
  let next: RoomModel = { ...model, hands: peers };
  for (const peer of peers) {
    const name = model.members.get(peer)?.display_name;
    if (!model.hands.includes(peer) && peer !== model.peer && name) next = notify(next, { kind: 'hand', name });
  }
  return next;
}

function onError(model: RoomModel, message: Extract<ServerMessage, { type: 'error' }>): RoomModel {
  const refusal: Refusal = { code: message.code, retryAfterMs: message.retry_after_ms };
  if (message.client_msg_id !== undefined)
    return { ...model, chat: chat.refused(model.chat, message.client_msg_id, message.code) };
  switch (message.request) {
    case 'hello':
    case 'join':
      return { ...model, stage: { kind: 'refused', refusal } };
    case 'chat_history':
      return { ...model, chat: { ...model.chat, loadingOlder: false } };
    // Nobody asked for these by hand; the parts that did take care of themselves.
    case 'resume':
    case 'slots':
    case 'quality':
    case 'candidate':
    case 'leave':
      return model;
    default:
      return notify(model, { kind: 'refused', refusal });
  }
}

/** The seat of the person themself. */
export function self(model: RoomModel): MemberView | undefined {
  return model.peer === undefined ? undefined : model.members.get(model.peer);
}

/** Whom this person does not hear though they speak: names. */
export function unheardBy(model: RoomModel, listener: PeerId): string[] {
  const pairs = model.unheard.filter((pair) => pair.listener === listener);
  return pairs.flatMap(({ speaker }) => model.members.get(speaker)?.display_name ?? []);
}

/** Who does not hear the person themself: names. */
export function notHearingMe(model: RoomModel): string[] {
  const pairs = model.unheard.filter((pair) => pair.speaker === model.peer);
  return pairs.flatMap(({ listener }) => model.members.get(listener)?.display_name ?? []);
}

/** People of the room, for the list: hosts first, then raised hands in their order, then by name. */
export function people(model: RoomModel): MemberView[] {
  const rank = (member: MemberView): number => {
    if (member.role === 'host') return 0;
    if (member.role === 'cohost') return 1;
    const hand = model.hands.indexOf(member.peer);
    if (hand >= 0) return 2 + hand / 10_000;
    if (member.promoted) return 3;
    return member.role === 'observer' ? 5 : 4;
  };
  return [...model.members.values()]
    .filter((member) => member.seat === 'person')
    .sort((a, b) => rank(a) - rank(b) || a.display_name.localeCompare(b.display_name, 'ru'));
}

/** A raised hand's place, first is 1. */
export function handPlace(model: RoomModel, peer: PeerId): number | undefined {
  const at = model.hands.indexOf(peer);
  return at < 0 ? undefined : at + 1;
}
