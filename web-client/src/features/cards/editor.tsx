// One card: its form, what the check says of every date, what students will see, its versions.
import { Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { serverNow } from '../../shared/clock';
import { refusalOf } from '../../shared/errors';
import { dayKey, formatDate, formatTime } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { useMe } from '../../shared/me';
import {
  agreeToCard,
  type CardBody,
  type CardOptions,
  type CardPage,
  type CheckedDate,
  checkCard,
  dropDraft,
  fetchCard,
  fetchCardOptions,
  newCard,
  publishCard,
  saveDraft,
  withdrawCard,
} from '../../shared/planning/api';
import {
  Answered,
  OrderDialog,
  type OrderFor,
  PageHead,
  Panel,
  ReasonDialog,
  Refused,
  styles,
  useMay,
} from '../../shared/planning/kit';
import { Notice } from '../../shared/ui/notice';
import { CardForm } from './form';
import { emptyCard, isComplete, isSame } from './model';
import { Preview } from './preview';
import { cardTexts } from './texts';

export function CardEditor({ id }: { id?: string }) {
  const options = useQuery({ queryKey: ['card-options'], queryFn: fetchCardOptions });
  const page = useQuery({
    queryKey: ['card', id],
    queryFn: () => (id ? fetchCard(id) : undefined),
    enabled: id !== undefined,
  });
  const t = useTexts(cardTexts);
  const loaded = options.data && (id === undefined || page.data);
  if (!loaded) {
    return (
      <>
        <PageHead title={t('title')} />
        <Answered query={options.isError ? options : id ? page : options}>{null}</Answered>
      </>
    );
  }
  return <Editor id={id} options={options.data} page={page.data} />;
}

/** What the form shows first: the draft, else the version in force, else an empty card. */
function firstBody(options: CardOptions, page: CardPage | undefined, me: string): CardBody {
  const day = dayKey(serverNow() + 24 * 3_600_000);
  return page?.draft?.body ?? page?.versions[0]?.body ?? emptyCard(options, me, day);
}

function Editor({ id, options, page }: { id?: string; options: CardOptions; page?: CardPage }) {
  const t = useTexts(cardTexts);
  const locale = useLocale();
  const client = useQueryClient();
  const navigate = useNavigate();
  const me = useMe()?.person.id ?? '';
  const mayAgree = useMay('override.grant');
  const [body, setBody] = useState(() => firstBody(options, page, me));
  const [key, setKey] = useState('');
  const [dates, setDates] = useState<CheckedDate[]>();
  const [order, setOrder] = useState<OrderFor>();
  const [withdrawing, setWithdrawing] = useState(false);
  const revision = page?.draft?.revision ?? 0;
  const saved = page?.draft?.body ?? page?.versions[0]?.body;
  const isDirty = !saved || !isSame(saved, body);
  const canEdit = !page || page.card.can.includes('edit');
  const canPublish = !page || page.card.can.includes('publish');
  const isWithdrawn = page?.card.status === 'withdrawn';

  // A saved draft comes back with keys for its new slots.
  const stored = page?.draft?.body;
  useEffect(() => {
    if (stored) setBody(stored);
  }, [stored]);

  const change = (next: CardBody) => {
    setBody(next);
    setDates(undefined);
  };
  const keep = (next: CardPage) => {
    client.setQueryData(['card', next.card.id], next);
    void client.invalidateQueries({ queryKey: ['cards'] });
    if (!id) void navigate({ to: '/cards' as '/', search: { card: next.card.id } as never, replace: true });
  };
  const save = useMutation({
    mutationFn: () => (id ? saveDraft(id, revision, body) : newCard(body, key || undefined)),
    onSuccess: keep,
  });
  const check = useMutation({
    mutationFn: () => checkCard(id, body),
    onSuccess: (answer) => setDates(answer.dates),
  });
  const publish = useMutation({
    mutationFn: async () => {
      let to = id;
      let at = revision;
      if (isDirty || !page?.draft) {
        const next = id ? await saveDraft(id, revision, body) : await newCard(body, key || undefined);
        client.setQueryData(['card', next.card.id], next);
        to = next.card.id;
        at = next.draft?.revision ?? 1;
      }
      if (!to) return undefined;
      try {
        return { done: await publishCard(to, at), to };
      } catch (error) {
        const refused = refusalOf(error).errors;
        if (Array.isArray(refused)) setDates(refused as CheckedDate[]);
        throw error;
      } finally {
        if (!id) void navigate({ to: '/cards' as '/', search: { card: to } as never, replace: true });
      }
    },
    onSuccess: () => setDates(undefined),
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ['card'] });
      void client.invalidateQueries({ queryKey: ['cards'] });
      void client.invalidateQueries({ queryKey: ['timetable'] });
    },
  });
  const agree = useMutation({ mutationFn: () => agreeToCard(id ?? '', revision), onSuccess: keep });
  const drop = useMutation({
    mutationFn: () => dropDraft(id ?? '', revision),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['cards'] });
      if (page?.card.version === 0) return navigate({ to: '/cards' as '/' });
      await client.invalidateQueries({ queryKey: ['card', id] });
      const first = page?.versions[0]?.body;
      if (first) setBody(first);
    },
  });
  const failed = [save, check, publish, agree, drop].find(({ isError }) => isError);
  const at = (time: string) => `${formatDate(Date.parse(time), locale)}, ${formatTime(Date.parse(time), locale)}`;

  return (
    <>
      <PageHead title={page?.card.title || t('new_card')}>
        <Button component={Link} to="/cards" variant="default">
          {t('to_list')}
        </Button>
      </PageHead>
      {page && (
        <p className={styles.lead}>
          <span className={styles.badge} data-tone={isWithdrawn ? 'bad' : page.draft ? 'wait' : 'good'}>
            {t(`status_${page.draft && !isWithdrawn ? 'draft' : page.card.status}`)}
          </span>{' '}
          {page.draft
            ? t('draft_of', { n: page.card.version + 1 })
            : !isWithdrawn && t('no_draft', { n: page.card.version, next: page.card.version + 1 })}
          {page.draft?.agreed && ` ${t('agreed')}.`}
        </p>
      )}
      {publish.data && (
        <Notice tone="good" alert>
          {t('published_note', publish.data.done)}
        </Notice>
      )}
      {!isWithdrawn && (
        <>
          <CardForm
            body={body}
            options={options}
            disabled={!canEdit}
            isNew={!id}
            cardKey={key}
            onKey={setKey}
            onChange={change}
          />
          {failed && <Refused refusal={refusalOf(failed.error)} />}
          <div className={styles.actions}>
            {canEdit && (
              <Button
                variant="light"
                onClick={() => save.mutate()}
                loading={save.isPending}
                disabled={!isDirty || !isComplete(body)}
              >
                {t('save_draft')}
              </Button>
            )}
            <Button
              variant="default"
              onClick={() => check.mutate()}
              loading={check.isPending}
              disabled={!isComplete(body)}
            >
              {t('check')}
            </Button>
            {canPublish && (
              <Button
                onClick={() => publish.mutate()}
                loading={publish.isPending}
                disabled={!isComplete(body) || !(isDirty || page?.draft)}
              >
                {t('publish')}
              </Button>
            )}
            {mayAgree && page?.draft && !page.draft.agreed && !isDirty && (
              <Button variant="default" onClick={() => agree.mutate()} loading={agree.isPending}>
                {t('agree')}
              </Button>
            )}
            {canEdit && page?.draft && (
              <Button variant="subtle" c="var(--danger)" onClick={() => drop.mutate()} loading={drop.isPending}>
                {t('drop')}
              </Button>
            )}
            {canPublish && page && page.card.version > 0 && (
              <Button variant="subtle" c="var(--danger)" onClick={() => setWithdrawing(true)}>
                {t('withdraw')}
              </Button>
            )}
          </div>
          {isDirty && page && <p className={styles.soft}>{t('unsaved')}</p>}
          <Preview body={body} options={options} dates={dates} onOrder={setOrder} />
        </>
      )}
      {page && page.versions.length > 0 && (
        <Panel title={t('versions')}>
          <ul className={styles.list}>
            {page.versions.map((version) => (
              <li key={version.version} className={styles.date}>
                <div className={styles.dateTop}>
                  {t('version_n', { n: version.version })}
                  <span className={styles.badge} data-tone={version.status === 'published' ? 'good' : undefined}>
                    {t(`status_${version.status}`)}
                  </span>
                </div>
                <div className={styles.soft}>
                  {version.published_at &&
                    t('version_by', { name: version.published_by ?? '', at: at(version.published_at) }).replace(
                      /^, /,
                      '',
                    )}
                  {version.withdrawn_reason && ` · ${version.withdrawn_reason}`}
                </div>
              </li>
            ))}
          </ul>
        </Panel>
      )}
      <OrderDialog order={order} onClose={() => setOrder(undefined)} onDone={() => check.mutate()} />
      <ReasonDialog
        opened={withdrawing}
        onClose={() => setWithdrawing(false)}
        title={t('withdraw')}
        action={t('withdraw')}
        danger
        onDone={async (reason) => keep(await withdrawCard(id ?? '', reason))}
      >
        <p className={styles.soft}>{t('withdraw_help')}</p>
      </ReasonDialog>
    </>
  );
}
