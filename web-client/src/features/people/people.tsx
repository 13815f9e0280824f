// The list of people: found by name, code, role and unit, fifty at a time.
import '@mantine/core/styles/Checkbox.css';
import { Button, Checkbox, NativeSelect, TextInput } from '@mantine/core';
import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import { commonTexts } from '../../shared/i18n/common';
import { useTexts } from '../../shared/i18n/use-texts';
import { Answered, Empty, Panel, styles } from '../../shared/planning/kit';
import { planningTexts } from '../../shared/planning/texts';
import { fetchPeople, fetchUnits, type HeldRole, type Person, ROLES } from './data';
import { Adding } from './new-person';
import { OnePerson } from './person';
import { peopleTexts } from './texts';

export function People() {
  const t = useTexts(peopleTexts);
  const tp = useTexts(planningTexts);
  const tc = useTexts(commonTexts);
  const client = useQueryClient();
  const [search, setSearch] = useState('');
  const [role, setRole] = useState('');
  const [unit, setUnit] = useState('');
  const [blocked, setBlocked] = useState(false);
  const [open, setOpen] = useState<string>();
  const [adding, setAdding] = useState(false);
  const asked = { search: useDeferredValue(search), role, unit, blocked };
  const query = useInfiniteQuery({
    queryKey: ['people', asked],
    queryFn: ({ pageParam }) => fetchPeople(asked, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.after,
    placeholderData: keepPreviousData,
  });
  const units = useQuery({ queryKey: ['units'], queryFn: fetchUnits });
  const done = () => {
    void client.invalidateQueries({ queryKey: ['people'] });
    void client.invalidateQueries({ queryKey: ['units'] });
  };
  const pages = query.data?.pages ?? [];
  const people = pages.flatMap((page) => page.items);
  const first = pages[0];
  return (
    <Panel
      title={first && t('found', { count: first.total })}
      tools={<Button onClick={() => setAdding(true)}>{t('add')}</Button>}
    >
      <search className={styles.grid}>
        <TextInput
          type="search"
          label={t('search')}
          value={search}
          maxLength={80}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
        <NativeSelect
          label={t('role')}
          value={role}
          onChange={(event) => setRole(event.currentTarget.value)}
          data={[
            { value: '', label: tp('all') },
            ...ROLES.map((value) => ({ value, label: tc(`role_${value}`) })),
            { value: 'none', label: t('role_none') },
          ]}
        />
        {(units.data?.items.length ?? 0) > 0 && (
          <NativeSelect
            label={t('unit')}
            value={unit}
            onChange={(event) => setUnit(event.currentTarget.value)}
            data={[
              { value: '', label: tp('all') },
              ...(units.data?.items ?? []).map(({ id, name }) => ({ value: id, label: name })),
            ]}
          />
        )}
        <Checkbox
          label={t('only_blocked')}
          style={{ alignSelf: 'end', paddingBottom: 8 }}
          checked={blocked}
          onChange={(event) => setBlocked(event.currentTarget.checked)}
        />
      </search>
      <Answered query={query}>
        {people.length === 0 ? (
          <Empty title={t('empty')} text={t('empty_help')} icon="people" />
        ) : (
          <List people={people} onOpen={setOpen} />
        )}
        {query.hasNextPage && (
          <div className={styles.actions}>
            <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              {t('more')}
            </Button>
            <span className={styles.soft} style={{ alignSelf: 'center' }} aria-live="polite">
              {t('shown', { count: people.length, total: first?.total ?? 0 })}
            </span>
          </div>
        )}
      </Answered>
      {open && <OnePerson id={open} units={units.data?.items ?? []} onClose={() => setOpen(undefined)} onDone={done} />}
      {adding && (
        <Adding
          roles={first?.roles ?? []}
          units={units.data?.items ?? []}
          onClose={() => setAdding(false)}
          onDone={done}
        />
      )}
    </Panel>
  );
}

function List({ people, onOpen }: { people: Person[]; onOpen: (id: string) => void }) {
  const t = useTexts(peopleTexts);
  return (
    <table className={`${styles.table} ${styles.cards}`}>
      <thead>
        <tr>
          <th scope="col">{t('name')}</th>
          <th scope="col">{t('code')}</th>
          <th scope="col">{t('roles')}</th>
          <th scope="col">{t('account')}</th>
        </tr>
      </thead>
      <tbody>
        {people.map((person) => (
          <tr key={person.id}>
            <td>
              <button type="button" className={styles.plain} onClick={() => onOpen(person.id)}>
                {person.display_name}
              </button>
            </td>
            <td data-label={t('code')}>{person.code}</td>
            <td data-label={t('roles')}>
              <Roles roles={person.roles} />
            </td>
            <td data-label={t('account')}>
              <span
                className={styles.badge}
                data-tone={{ none: undefined, active: 'good', blocked: 'bad' }[person.account]}
              >
                {t(`account_${person.account}`)}
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Roles({ roles }: { roles: HeldRole[] }) {
  const t = useTexts(peopleTexts);
  const tc = useTexts(commonTexts);
  if (roles.length === 0) return <span className={styles.soft}>{t('role_none')}</span>;
  return roles
    .map(({ role, unit_name }) => (unit_name ? `${tc(`role_${role}`)} (${unit_name})` : tc(`role_${role}`)))
    .join(', ');
}
