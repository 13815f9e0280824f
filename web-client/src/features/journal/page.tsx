// The journal: newest first, by person, action and days, with the head of its chain and whether the chain holds.
import { Button, NativeSelect, TextInput } from '@mantine/core';
import { keepPreviousData, useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import { refusalOf } from '../../shared/errors';
import { useTexts } from '../../shared/i18n/use-texts';
import { Answered, Empty, PageHead, Panel, Refused, styles } from '../../shared/planning/kit';
import { Notice } from '../../shared/ui/notice';
import { type Filter, fetchJournal, type Head, verifyJournal } from './data';
import { Events } from './events';
import { journalTexts } from './texts';
import { GROUPS } from './words';

export default function JournalPage() {
  const t = useTexts(journalTexts);
  const [filter, setFilter] = useState<Filter>({ person: '', action: '', from: '', to: '' });
  const asked = useDeferredValue(filter);
  const query = useInfiniteQuery({
    queryKey: ['journal', asked],
    queryFn: ({ pageParam }) => fetchJournal(asked, pageParam),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (last) => last.before,
    placeholderData: keepPreviousData,
  });
  const pages = query.data?.pages ?? [];
  const events = pages.flatMap((page) => page.items);
  const first = pages[0];
  const field = (name: keyof Filter) => ({
    value: filter[name],
    onChange: (event: { currentTarget: { value: string } }) =>
      setFilter({ ...filter, [name]: event.currentTarget.value }),
  });
  return (
    <>
      <PageHead title={t('title')} lead={first && !first.wide ? t('lead_own') : t('lead')} />
      {first?.head && <Chain head={first.head} verifiable={first.may_verify} />}
      <Panel>
        <search className={styles.grid}>
          {first?.wide !== false && (
            <TextInput
              {...field('person')}
              label={t('person')}
              description={t('person_help')}
              inputWrapperOrder={['label', 'input', 'description', 'error']}
              maxLength={60}
            />
          )}
          <NativeSelect
            {...field('action')}
            label={t('action')}
            data={[
              { value: '', label: t('any') },
              ...GROUPS.map((value) => ({ value, label: t(`g_${value.slice(0, -1)}` as 'g_role') })),
            ]}
          />
          <TextInput {...field('from')} type="date" label={t('from')} />
          <TextInput {...field('to')} type="date" label={t('to')} />
        </search>
        <Answered query={query}>
          {events.length === 0 && <Empty title={t('empty')} text={t('empty_help')} icon="book" />}
          {events.length > 0 && <Events events={events} />}
          {query.hasNextPage && (
            <div className={styles.actions}>
              <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                {t('older')}
              </Button>
            </div>
          )}
        </Answered>
      </Panel>
    </>
  );
}

function Chain({ head, verifiable }: { head: Head; verifiable: boolean }) {
  const t = useTexts(journalTexts);
  const doing = useMutation({ mutationFn: verifyJournal });
  const found = doing.data;
  return (
    <Panel
      title={t('head', { seq: head.seq })}
      tools={
        verifiable && (
          <Button variant="default" loading={doing.isPending} onClick={() => doing.mutate()}>
            {t('verify')}
          </Button>
        )
      }
    >
      <p className={styles.soft} style={{ margin: '0 0 10px' }}>
        <code style={{ overflowWrap: 'anywhere' }}>{head.hash}</code>
        <br />
        {t('head_help')}
      </p>
      {doing.isError && <Refused refusal={refusalOf(doing.error)} />}
      {found?.intact && <Notice tone="good" alert title={t('intact', { rows: t('rows', { count: found.rows }) })} />}
      {found?.broken && (
        <Notice tone="error" alert title={t('broken', { seq: found.broken.seq })}>
          {t(`fault_${found.broken.fault}`)}
        </Notice>
      )}
    </Panel>
  );
}
