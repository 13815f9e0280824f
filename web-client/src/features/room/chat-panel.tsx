// The chat: what was written, what is on its way, and a field to write.
import { Button } from '@mantine/core';
import { type FormEvent, type KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { serverNow } from '../../shared/clock';
import { errorTexts } from '../../shared/i18n/common';
import { dayKey, formatDate, formatTime } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { Icon } from '../../shared/ui/icon';
import { Menu, MenuItem } from '../../shared/ui/menu';
import type { ChatMessage } from '../../shared/wire.gen';
import styles from './chat.module.css';
import { LONGEST_BODY, type Outgoing, pieces } from './chat-model';
import type { RoomModel } from './model';
import { hostPresent, type RoomSession } from './session';
import { roomTexts } from './texts';

const EDITABLE_MS = 30 * 60_000;
/** How near to the end counts as reading the newest. */
const AT_END_PX = 60;

/** `page`: the chat is the whole page, not a panel beside the stage. */
type Props = { session: RoomSession; model: RoomModel; seen: boolean; page?: boolean };
type Answering = { kind: 'reply' | 'edit'; message: ChatMessage };

export function ChatPanel({ session, model, seen, page = false }: Props) {
  const t = useTexts(roomTexts);
  const { chat } = model;
  const [answering, setAnswering] = useState<Answering>();
  const [atEnd, setAtEnd] = useState(true);
  const log = useRef<HTMLDivElement>(null);
  const heightBefore = useRef(0);
  const first = chat.messages[0]?.seq;
  const last = chat.messages.at(-1)?.seq;

  // Older messages grow upwards: what is being read stays where it is.
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs when messages come at either end
  useLayoutEffect(() => {
    const element = log.current;
    if (!element) return;
    if (atEnd) element.scrollTop = element.scrollHeight;
    else if (heightBefore.current > 0) element.scrollTop += element.scrollHeight - heightBefore.current;
    heightBefore.current = 0;
  }, [first, last, chat.outgoing.length]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each newer message is read too
  useEffect(() => {
    if (seen && atEnd) session.readChat();
  }, [seen, atEnd, session, chat.lastSeq]);

  const older = () => {
    heightBefore.current = log.current?.scrollHeight ?? 0;
    session.olderChat();
  };

  return (
    <div className={page ? `${styles.chat} ${styles.onPage}` : styles.chat}>
      <div
        ref={log}
        role="log"
        aria-label={t('chat_messages')}
        className={styles.log}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region must be reachable by keyboard
        tabIndex={0}
        onScroll={(event) => {
          const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
          setAtEnd(scrollHeight - scrollTop - clientHeight < AT_END_PX);
        }}
      >
        {chat.more && (
          <Button variant="subtle" size="xs" className={styles.older} loading={chat.loadingOlder} onClick={older}>
            {t('chat_older')}
          </Button>
        )}
        {chat.messages.length === 0 && chat.outgoing.length === 0 && (
          <div className={styles.empty}>
            <Icon name="chat" size={28} />
            <p>{t('chat_empty')}</p>
            <p className={styles.soft}>{t('chat_empty_help')}</p>
          </div>
        )}
        {chat.messages.map((message, n) => (
          <Message
            key={message.message}
            message={message}
            before={chat.messages[n - 1]}
            session={session}
            model={model}
            onAnswer={setAnswering}
          />
        ))}
        {chat.outgoing.map((outgoing) => (
          <OnItsWay
            key={outgoing.clientMsgId}
            outgoing={outgoing}
            session={session}
            online={model.connection.kind === 'online'}
          />
        ))}
      </div>
      {!atEnd && last !== undefined && last > chat.readSeq && (
        <Button
          size="xs"
          className={styles.toNew}
          onClick={() => {
            if (log.current) log.current.scrollTop = log.current.scrollHeight;
          }}
        >
          {t('chat_to_new')}
        </Button>
      )}
      <Field
        key={answering?.message.message ?? 'new'}
        session={session}
        model={model}
        answering={answering}
        onDone={() => {
          setAnswering(undefined);
          setAtEnd(true);
        }}
      />
    </div>
  );
}

function Body({ text }: { text: string }) {
  return (
    <p className={styles.body}>
      {pieces(text).map((piece, n) =>
        piece.href ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: pieces of one text never move
          <a key={n} href={piece.href} target="_blank" rel="noopener noreferrer nofollow ugc">
            {piece.text}
          </a>
        ) : (
          piece.text
        ),
      )}
    </p>
  );
}

type MessageProps = {
  message: ChatMessage;
  before: ChatMessage | undefined;
  session: RoomSession;
  model: RoomModel;
  onAnswer: (answering: Answering) => void;
};

function Message({ message, before, session, model, onAnswer }: MessageProps) {
  const t = useTexts(roomTexts);
  const locale = useLocale();
  const own = message.author === model.person;
  const time = formatTime(message.sent_ms, locale);
  const newDay = before !== undefined && dayKey(before.sent_ms) !== dayKey(message.sent_ms);
  const follows =
    before?.author === message.author && !newDay && message.sent_ms - before.sent_ms < 5 * 60_000 && !message.reply_to;
  const quoted = message.reply_to ? model.chat.messages.find((other) => other.message === message.reply_to) : undefined;
  const canWrite = model.rights.chat;
  const canEdit = own && canWrite && serverNow() - message.sent_ms < EDITABLE_MS;
  const canDelete = (own && canWrite) || model.rights.moderate;
  const role = [...model.members.values()].find((member) => member.person === message.author)?.role;
  return (
    <>
      {(newDay || before === undefined) && dayKey(message.sent_ms) !== dayKey(serverNow()) && (
        <p className={styles.day}>{formatDate(message.sent_ms, locale)}</p>
      )}
      <article className={styles.message} data-own={own || undefined} data-follows={follows || undefined}>
        {!follows && (
          <header className={styles.head}>
            <span className={styles.author} data-host={role === 'host' || role === 'cohost' || undefined}>
              {own ? t('chat_you') : message.author_name}
            </span>
            <time className={styles.time} dateTime={new Date(message.sent_ms).toISOString()}>
              {time}
            </time>
          </header>
        )}
        {quoted && (
          <blockquote className={styles.quote}>
            <span className={styles.quoteAuthor}>{quoted.author_name}</span>
            {quoted.deleted ? t('chat_deleted') : shortened(quoted.body)}
          </blockquote>
        )}
        {message.deleted ? <p className={styles.soft}>{t('chat_deleted')}</p> : <Body text={message.body} />}
        {message.edited_ms !== undefined && !message.deleted && <span className={styles.time}>{t('chat_edited')}</span>}
        {!message.deleted && (canWrite || canDelete) && (
          <div className={styles.actions}>
            <Menu
              label={t('chat_actions', { name: own ? t('chat_you') : message.author_name, time })}
              button={<Icon name="more" size={16} />}
              buttonClassName={styles.more}
            >
              {canWrite && (
                <MenuItem icon="reply" onClick={() => onAnswer({ kind: 'reply', message })}>
                  {t('chat_reply')}
                </MenuItem>
              )}
              {canEdit && (
                <MenuItem icon="edit" onClick={() => onAnswer({ kind: 'edit', message })}>
                  {t('chat_edit')}
                </MenuItem>
              )}
              {canDelete && (
                <MenuItem icon="trash" danger onClick={() => session.deleteMessage(message.message)}>
                  {own ? t('chat_delete') : t('chat_hide')}
                </MenuItem>
              )}
            </Menu>
          </div>
        )}
      </article>
    </>
  );
}

function shortened(text: string): string {
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}

function OnItsWay({ outgoing, session, online }: { outgoing: Outgoing; session: RoomSession; online: boolean }) {
  const t = useTexts(roomTexts);
  const te = useTexts(errorTexts);
  return (
    <article className={styles.message} data-own data-state={outgoing.state}>
      <Body text={outgoing.body} />
      {outgoing.state === 'sending' ? (
        <span className={styles.time}>{online ? t('chat_sending') : t('chat_offline')}</span>
      ) : (
        <span className={styles.failed} role="alert">
          {t('chat_failed', { why: te(outgoing.code ?? 'internal').toLocaleLowerCase() })}
          <button type="button" className={styles.link} onClick={() => session.writeAgain(outgoing)}>
            {t('chat_retry')}
          </button>
          <button type="button" className={styles.link} onClick={() => session.giveUpMessage(outgoing.clientMsgId)}>
            {t('chat_drop')}
          </button>
        </span>
      )}
    </article>
  );
}

type FieldProps = {
  session: RoomSession;
  model: RoomModel;
  answering: Answering | undefined;
  onDone: () => void;
};

function Field({ session, model, answering, onDone }: FieldProps) {
  const t = useTexts(roomTexts);
  const edits = answering?.kind === 'edit';
  const [text, setText] = useState(edits ? answering.message.body : '');
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (answering) field.current?.focus();
  }, [answering]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the field grows with its text
  useLayoutEffect(() => {
    const element = field.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${Math.min(element.scrollHeight + 2, 160)}px`;
  }, [text]);

  if (!model.rights.chat) {
    const why =
      model.rights.raise_hand && !hostPresent(model)
        ? t('chat_no_host')
        : model.room?.policy.chat_locked
          ? t('chat_closed')
          : t('chat_not_you');
    return <p className={styles.closed}>{why}</p>;
  }

  // It holds for those who came to be helped.
  const slow = model.rights.raise_hand ? (model.room?.policy.slow_mode_s ?? 0) : 0;
  const left = LONGEST_BODY - [...text].length;
  const submit = () => {
    const body = text.trim();
    if (!body || left < 0) return;
    if (answering?.kind === 'edit') session.editMessage(answering.message.message, body);
    else session.write(body, answering?.message.message);
    setText('');
    onDone();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      submit();
    } else if (event.key === 'Escape' && answering) {
      event.stopPropagation();
      onDone();
    }
  };
  return (
    <form
      className={styles.form}
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        submit();
      }}
    >
      {answering && (
        <div className={styles.answering}>
          <span className={styles.answeringText}>
            {edits ? t('chat_editing') : t('chat_replying', { name: answering.message.author_name })}
          </span>
          <button
            type="button"
            className={styles.more}
            aria-label={edits ? t('chat_cancel_edit') : t('chat_cancel_reply')}
            onClick={onDone}
          >
            <Icon name="close" size={16} />
          </button>
        </div>
      )}
      {slow > 0 && (
        <p className={styles.soft} role="status">
          {t('policy_slow')}: {t('slow_every', { seconds: slow })}
        </p>
      )}
      <div className={styles.row}>
        <textarea
          ref={field}
          className={styles.field}
          aria-label={t('chat_field')}
          placeholder={t('chat_placeholder')}
          rows={1}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
        <button
          type="submit"
          className={styles.send}
          aria-label={t('chat_send')}
          title={t('chat_send')}
          disabled={!text.trim() || left < 0}
        >
          <Icon name="send" size={22} />
        </button>
      </div>
      {left < 200 && (
        <p className={styles.left} data-over={left < 0 || undefined} role="status">
          {t('chat_left', { count: left })}
        </p>
      )}
    </form>
  );
}
