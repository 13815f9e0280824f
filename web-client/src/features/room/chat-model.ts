// The chat of a room: what the store has, what is on its way, what is unread. Pure.

import type { ErrorCode } from '../../shared/errors';
import type { ChatHistory, ChatMessage, ClientMessageId, MessageId, PersonId } from '../../shared/wire.gen';

/** Written here and not yet seen in the room's order. */
export type Outgoing = {
  clientMsgId: ClientMessageId;
  body: string;
  replyTo: MessageId | undefined;
  sentMs: number;
  /** `failed`: refused; it waits for the person to try again. */
  state: 'sending' | 'failed';
  code?: ErrorCode;
};

export type ChatModel = {
  /** In the order of `seq`. */
  messages: ChatMessage[];
  lastSeq: number;
  /** There are older ones on the hub. */
  more: boolean;
  loadingOlder: boolean;
  outgoing: Outgoing[];
  /** Highest `seq` that the person has seen. */
  readSeq: number;
};

export const LONGEST_BODY = 4000;

export const emptyChat: ChatModel = {
  messages: [],
  lastSeq: 0,
  more: false,
  loadingOlder: false,
  outgoing: [],
  readSeq: 0,
};

/** The seat is taken: a resume brings what was missed, a new seat brings the newest stretch. */
export function onJoined(chat: ChatModel, history: ChatHistory, resumed: boolean, me: PersonId): ChatModel {
  const first = history.messages[0]?.seq ?? history.last_seq + 1;
  const fits = resumed || first <= chat.lastSeq + 1;
  const base = fits && chat.lastSeq > 0 ? chat : { ...chat, messages: [], more: history.more };
  const merged = merge(base, history.messages, me);
  const readSeq = chat.readSeq === 0 && chat.messages.length === 0 ? history.last_seq : chat.readSeq;
  return { ...merged, lastSeq: Math.max(merged.lastSeq, history.last_seq), readSeq, loadingOlder: false };
}

export function onHistory(chat: ChatModel, history: ChatHistory, me: PersonId): ChatModel {
  const oldest = chat.messages[0]?.seq ?? Number.POSITIVE_INFINITY;
  const first = history.messages[0]?.seq;
  // The answer to a probe lies inside what is known and says nothing about older ones.
  const older = first === undefined ? !Number.isFinite(oldest) || chat.loadingOlder : first <= oldest;
  const merged = merge(chat, history.messages, me);
  return {
    ...merged,
    lastSeq: Math.max(merged.lastSeq, history.last_seq),
    more: older ? history.more : chat.more,
    loadingOlder: false,
  };
}

export function onMessage(chat: ChatModel, message: ChatMessage, me: PersonId): ChatModel {
  return merge(chat, [message], me);
}

export function onChanged(chat: ChatModel, message: ChatMessage): ChatModel {
  return { ...chat, messages: chat.messages.map((old) => (old.message === message.message ? message : old)) };
}

/** A hole in the order: messages between what is known and the newest are missing. The `seq` to ask below. */
export function missingBefore(chat: ChatModel): number | undefined {
  for (let n = chat.messages.length - 1; n > 0; n -= 1) {
    const message = chat.messages[n];
    const before = chat.messages[n - 1];
    if (message && before && message.seq !== before.seq + 1) return message.seq;
  }
  const newest = chat.messages.at(-1)?.seq ?? 0;
  return newest < chat.lastSeq ? chat.lastSeq + 1 : undefined;
}

export function write(chat: ChatModel, outgoing: Outgoing): ChatModel {
  return {
    ...chat,
    outgoing: [...chat.outgoing.filter((item) => item.clientMsgId !== outgoing.clientMsgId), outgoing],
  };
}

export function refused(chat: ChatModel, clientMsgId: ClientMessageId, code: ErrorCode): ChatModel {
  return {
    ...chat,
    outgoing: chat.outgoing.map((item) =>
      item.clientMsgId === clientMsgId ? { ...item, state: 'failed', code } : item,
    ),
  };
}

export function giveUp(chat: ChatModel, clientMsgId: ClientMessageId): ChatModel {
  return { ...chat, outgoing: chat.outgoing.filter((item) => item.clientMsgId !== clientMsgId) };
}

export function unread(chat: ChatModel, me: PersonId | undefined): number {
  return chat.messages.filter((message) => message.seq > chat.readSeq && message.author !== me && !message.deleted)
    .length;
}

export function read(chat: ChatModel): ChatModel {
  return chat.readSeq === chat.lastSeq ? chat : { ...chat, readSeq: chat.lastSeq };
}

function merge(chat: ChatModel, incoming: readonly ChatMessage[], me: PersonId): ChatModel {
  if (incoming.length === 0) return chat;
  const bySeq = new Map(chat.messages.map((message) => [message.seq, message]));
  for (const message of incoming) bySeq.set(message.seq, message);
  const messages = [...bySeq.values()].sort((a, b) => a.seq - b.seq);
  const own = new Set(incoming.filter((message) => message.author === me).map((message) => message.client_msg_id));
  return {
    ...chat,
    messages,
    lastSeq: Math.max(chat.lastSeq, messages.at(-1)?.seq ?? 0),
    outgoing: own.size === 0 ? chat.outgoing : chat.outgoing.filter((item) => !own.has(item.clientMsgId)),
  };
}

export type Piece = { text: string; href?: string };
const LINK = /\bhttps?:\/\/[^\s<>"'«»]+/gi;
const TAIL = /[.,;:!?)\]}…]+$/;

/** Splits plain text into text and links. Nothing of it is ever HTML. */
export function pieces(body: string): Piece[] {
  const result: Piece[] = [];
  let at = 0;
  for (const match of body.matchAll(LINK)) {
    const address = match[0].replace(TAIL, '');
    let href: string;
    try {
      href = new URL(address).href;
    } catch {
      continue;
    }
    if (match.index > at) result.push({ text: body.slice(at, match.index) });
    result.push({ text: address, href });
    at = match.index + address.length;
  }
  if (at < body.length) result.push({ text: body.slice(at) });
  return result;
}
