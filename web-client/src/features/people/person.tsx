// One person: roles given and taken, the unit they work in, password and account. What may be done the hub says for each person.
import { Button, NativeSelect } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { refusalOf } from '../../shared/errors';
import { commonTexts } from '../../shared/i18n/common';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { noonOf } from '../../shared/planning/explain';
import { Answered, styles } from '../../shared/planning/kit';
import { planningTexts } from '../../shared/planning/texts';
import { Dialog } from '../../shared/ui/dialog';
import {
  fetchPerson,
  giveRole,
  newPassword,
  type PersonDetails,
  putIntoUnit,
  type Role,
  setBlocked,
  takeRole,
  type Unit,
} from './data';
import { Password, Why } from './shown';
import { peopleTexts } from './texts';

/** With the year: a date of birth without one says little. */
const dayOf = (key: string, locale: string) =>
  new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'UTC' }).format(noonOf(key));

type Props = { id: string; units: Unit[]; onClose: () => void; onDone: () => void };

export function OnePerson({ id, units, onClose, onDone }: Props) {
  const t = useTexts(peopleTexts);
  const query = useQuery({ queryKey: ['person', id], queryFn: () => fetchPerson(id) });
  return (
    <Dialog opened onClose={onClose} title={query.data?.person.display_name ?? t('person')} width={620}>
      <Answered query={query}>{query.data && <Card details={query.data} units={units} onDone={onDone} />}</Answered>
    </Dialog>
  );
}

function Card({ details, units, onDone }: { details: PersonDetails; units: Unit[]; onDone: () => void }) {
  const t = useTexts(peopleTexts);
  const tc = useTexts(commonTexts);
  const tp = useTexts(planningTexts);
  const locale = useLocale();
  const client = useQueryClient();
  const { person, can } = details;
  const [password, setPassword] = useState<string>();
  const [sure, setSure] = useState<'password' | 'block'>();
  const doing = useMutation({
    mutationFn: (what: () => Promise<PersonDetails>) => what(),
    onSuccess: (fresh) => {
      client.setQueryData(['person', person.id], fresh);
      setSure(undefined);
      onDone();
    },
  });
  const resetting = useMutation({
    mutationFn: () => newPassword(person.id),
    onSuccess: ({ password }) => {
      setPassword(password);
      setSure(undefined);
      void client.invalidateQueries({ queryKey: ['person', person.id] });
      onDone();
    },
  });
  const failed = doing.error ?? resetting.error;
  const works_here = person.roles.some(({ role }) => ['teacher', 'staff', 'deputy_head'].includes(role));
  const unit = person.roles.find(({ role, unit }) => role !== 'unit_head' && unit)?.unit ?? '';
  const places = details.groups.map(({ class: name, group }) => (group ? `${name}, ${group}` : name));
  return (
    <div className={styles.form}>
      <p className={styles.soft} style={{ margin: 0 }}>
        {person.code}
        {details.birth_date && ` · ${t('born', { date: dayOf(details.birth_date, locale) })}`}
        {places.length > 0 && ` · ${t('in_groups', { groups: places.join('; ') })}`}
        {details.homeroom.length > 0 && ` · ${t('homeroom', { classes: details.homeroom.join(', ') })}`}
      </p>
      {failed != null && <Why refusal={refusalOf(failed)} />}
      {password && <Password code={person.code} password={password} />}

      <section aria-label={t('roles')}>
        <b>{t('roles')}</b>
        {person.roles.length === 0 && <p className={styles.soft}>{t('role_none')}</p>}
        <ul className={styles.list}>
          {person.roles.map((held) => (
            <li key={`${held.role}${held.unit}`} className={styles.dateTop} style={{ justifyContent: 'space-between' }}>
              <span>
                {tc(`role_${held.role}`)}
                {held.unit_name && ` (${held.unit_name})`}
                {held.to && ` ${t('until', { date: dayOf(held.to, locale) })}`}
              </span>
              {can.take.includes(held.role) && (
                <Button
                  size="compact-sm"
                  variant="subtle"
                  disabled={doing.isPending}
                  aria-label={t('take_role', { role: tc(`role_${held.role}`) })}
                  onClick={() => doing.mutate(() => takeRole(person.id, held.role, held.unit))}
                >
                  {tp('remove')}
                </Button>
              )}
            </li>
          ))}
        </ul>
        {can.give.length > 0 && (
          <Giving
            roles={can.give}
            units={units}
            busy={doing.isPending}
            onGive={(role, unit) => doing.mutate(() => giveRole(person.id, role, unit))}
          />
        )}
      </section>

      {can.account && works_here && units.length > 0 && (
        <NativeSelect
          label={t('unit_of_work')}
          description={t('unit_of_work_help')}
          value={unit}
          disabled={doing.isPending}
          onChange={(event) => {
            const to = event.currentTarget.value || null;
            doing.mutate(() => putIntoUnit(person.id, to));
          }}
          data={[{ value: '', label: tp('none') }, ...units.map(({ id, name }) => ({ value: id, label: name }))]}
        />
      )}

      {can.account ? (
        <section aria-label={t('account')}>
          <b>{t('account')}</b>: {t(`account_${person.account}`)}
          {sure ? (
            <div className={styles.form}>
              <p className={styles.soft} style={{ margin: 0 }}>
                {t(sure === 'block' ? 'block_sure' : 'password_sure')}
              </p>
              <div className={styles.chips}>
                <Button
                  color={sure === 'block' ? 'red.8' : undefined}
                  loading={doing.isPending || resetting.isPending}
                  onClick={() =>
                    sure === 'block' ? doing.mutate(() => setBlocked(person.id, true)) : resetting.mutate()
                  }
                >
                  {t(sure === 'block' ? 'block' : person.account === 'none' ? 'account_make' : 'password_new')}
                </Button>
                <Button variant="default" onClick={() => setSure(undefined)}>
                  {tp('cancel')}
                </Button>
              </div>
            </div>
          ) : (
            <div className={styles.chips} style={{ marginTop: 8 }}>
              <Button size="compact-sm" variant="default" onClick={() => setSure('password')}>
                {t(person.account === 'none' ? 'account_make' : 'password_new')}
              </Button>
              {person.account === 'active' && (
                <Button size="compact-sm" variant="default" onClick={() => setSure('block')}>
                  {t('block')}
                </Button>
              )}
              {person.account === 'blocked' && (
                <Button size="compact-sm" onClick={() => doing.mutate(() => setBlocked(person.id, false))}>
                  {t('unblock')}
                </Button>
              )}
            </div>
          )}
        </section>
      ) : (
        <p className={styles.soft}>{t('not_yours')}</p>
      )}
    </div>
  );
}

type GivingProps = { roles: Role[]; units: Unit[]; busy: boolean; onGive: (role: Role, unit: string | null) => void };

function Giving({ roles, units, busy, onGive }: GivingProps) {
  const t = useTexts(peopleTexts);
  const tc = useTexts(commonTexts);
  const [role, setRole] = useState<Role | ''>('');
  const [unit, setUnit] = useState('');
  const needs_unit = role === 'unit_head';
  return (
    <form
      className={styles.chips}
      style={{ alignItems: 'end', marginTop: 8 }}
      onSubmit={(event) => {
        event.preventDefault();
        if (role) onGive(role, needs_unit ? unit : null);
        setRole('');
      }}
    >
      <NativeSelect
        label={t('give_role')}
        value={role}
        required
        onChange={(event) => setRole(event.currentTarget.value as Role | '')}
        data={[{ value: '', label: t('choose') }, ...roles.map((value) => ({ value, label: tc(`role_${value}`) }))]}
      />
      {needs_unit && units.length === 0 && <p className={styles.soft}>{t('unit_first')}</p>}
      {needs_unit && units.length > 0 && (
        <NativeSelect
          label={t('unit')}
          value={unit}
          required
          onChange={(event) => setUnit(event.currentTarget.value)}
          data={[{ value: '', label: t('choose') }, ...units.map(({ id, name }) => ({ value: id, label: name }))]}
        />
      )}
      <Button type="submit" disabled={!role || (needs_unit && !unit)} loading={busy}>
        {t('give')}
      </Button>
    </form>
  );
}
