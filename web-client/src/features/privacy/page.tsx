// One's consents and those of one's children, one's data to take along, and its erasure.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { refusalOf } from '../../shared/errors';
import { formatDate } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { useMe } from '../../shared/me';
import { Notice } from '../../shared/ui/notice';
import { reachable } from '../../shared/ui/reachable';
import { RefusalAlert } from '../../shared/ui/refusal';
import sheet from '../../shared/ui/sheet.module.css';
import { useTitle } from '../../shared/ui/use-title';
import {
  askErasure,
  type Consent,
  declineErasure,
  type Erasure,
  type Erasures,
  fetchConsents,
  fetchErasures,
  type PersonConsents,
  signConsent,
  stepErasure,
  withdrawConsent,
} from './data';
import { Holds } from './holds';
import { SignIns } from './sign-ins';
import { privacyTexts } from './texts';

export default function PrivacyPage() {
  const t = useTexts(privacyTexts);
  useTitle(t('title'));
  const consents = useQuery({ queryKey: ['consents'], queryFn: fetchConsents });
  const erasures = useQuery({ queryKey: ['erasures'], queryFn: fetchErasures });
  const people = consents.data?.people ?? [];
  return (
    <>
      <div className={sheet.top}>
        <h1 className={sheet.heading}>{t('title')}</h1>
      </div>
      {consents.isError && <RefusalAlert refusal={refusalOf(consents.error)} />}
      {people.map((person) => (
        <PersonCard key={person.person} person={person} />
      ))}
      {consents.data && <Export people={people} />}
      {consents.data && <Erase people={people} />}
      <SignIns />
      {erasures.data?.may_hold && <Holds />}
    </>
  );
}

function PersonCard({ person }: { person: PersonConsents }) {
  const t = useTexts(privacyTexts);
  return (
    <section className={sheet.card}>
      <h2>{person.is_own ? t('consents_own') : t('consents_of', { name: person.display_name })}</h2>
      {person.items.length === 0 && <p className={sheet.soft}>{t('consents_none')}</p>}
      <ul className={sheet.plain}>
        {person.items.map((consent) => (
          <ConsentItem key={consent.purpose} person={person.person} consent={consent} />
        ))}
      </ul>
    </section>
  );
}

const TONES = {
  given: undefined,
  partly: 'wait',
  outdated: 'wait',
  withdrawn: 'bad',
  expired: 'bad',
  none: 'bad',
} as const;

function ConsentItem({ person, consent }: { person: string; consent: Consent }) {
  const t = useTexts(privacyTexts);
  const locale = useLocale();
  const client = useQueryClient();
  const sign = useMutation({
    mutationFn: (give: boolean) => (give ? signConsent : withdrawConsent)(person, consent.purpose, consent.text.id),
    onSettled: () => client.invalidateQueries({ queryKey: ['consents'] }),
  });
  const isMine = consent.mine === 'given' && consent.standing !== 'outdated' && consent.standing !== 'expired';
  const date = consent.mine_at ? formatDate(Date.parse(consent.mine_at), locale) : '';
  const who =
    consent.needs_own && consent.needs_guardian ? 'who_both' : consent.needs_guardian ? 'who_guardian' : 'who_own';
  return (
    <li style={{ padding: '10px 0', borderBottom: '1px solid var(--line)' }}>
      <div className={sheet.row} style={{ alignItems: 'center' }}>
        <strong>{consent.text.title}</strong>
        <span className={sheet.tag} data-tone={TONES[consent.standing]}>
          {t(`standing_${consent.standing}`)}
        </span>
      </div>
      <p className={sheet.soft}>
        {t(who)} {consent.mine && t(consent.mine === 'given' ? 'signed' : 'signed_off', { date })}
      </p>
      <details>
        <summary>{t('read', { version: consent.text.version })}</summary>
        <p style={{ whiteSpace: 'pre-wrap' }}>{consent.text.body}</p>
        <p className={sheet.mono}>SHA-256 {consent.text.sha256}</p>
      </details>
      {consent.may_sign && (
        <div className={sheet.row} style={{ marginTop: 8 }}>
          {!isMine && (
            <button
              type="button"
              className={sheet.button}
              data-main
              disabled={sign.isPending}
              onClick={() => sign.mutate(true)}
            >
              {t('give')}
            </button>
          )}
          {consent.mine === 'given' && (
            <button
              type="button"
              className={sheet.button}
              data-danger
              disabled={sign.isPending}
              onClick={() => sign.mutate(false)}
            >
              {t('withdraw')}
            </button>
          )}
        </div>
      )}
      {sign.isError && <RefusalAlert refusal={refusalOf(sign.error)} />}
    </li>
  );
}

function Export({ people }: { people: PersonConsents[] }) {
  const t = useTexts(privacyTexts);
  return (
    <section className={sheet.card}>
      <h2>{t('export')}</h2>
      <p className={sheet.soft}>{t('export_note')}</p>
      <div className={sheet.row}>
        {people.map((person) => (
          <a
            key={person.person}
            className={sheet.button}
            href={`/api/v1/privacy/export?person=${encodeURIComponent(person.person)}`}
            download
          >
            {person.is_own ? t('export_own') : t('export_of', { name: person.display_name })}
          </a>
        ))}
      </div>
    </section>
  );
}

function Erase({ people }: { people: PersonConsents[] }) {
  const t = useTexts(privacyTexts);
  const me = useMe();
  const client = useQueryClient();
  const erasures = useQuery({ queryKey: ['erasures'], queryFn: fetchErasures });
  const [person, setPerson] = useState('');
  const [reason, setReason] = useState('');
  const ask = useMutation({
    mutationFn: () => askErasure(person || (me?.person.id ?? ''), reason),
    onSuccess: () => {
      setReason('');
      return client.invalidateQueries({ queryKey: ['erasures'] });
    },
  });
  return (
    <section className={sheet.card}>
      <h2>{t('erase')}</h2>
      <p className={sheet.soft}>{t('erase_note')}</p>
      <form
        className={sheet.row}
        onSubmit={(event) => {
          event.preventDefault();
          ask.mutate();
        }}
      >
        {people.length > 1 && (
          <label className={sheet.field}>
            {t('erase_whose')}
            <select value={person} onChange={(event) => setPerson(event.target.value)}>
              {people.map((one) => (
                <option key={one.person} value={one.is_own ? '' : one.person}>
                  {one.is_own ? t('erase_me') : one.display_name}
                </option>
              ))}
            </select>
          </label>
        )}
        <label className={sheet.field} style={{ flex: '1 1 240px' }}>
          {t('reason')}
          <input required maxLength={1000} value={reason} onChange={(event) => setReason(event.target.value)} />
        </label>
        <button type="submit" className={sheet.button} data-danger disabled={ask.isPending}>
          {t('ask')}
        </button>
      </form>
      <div aria-live="polite">{ask.isSuccess && <Notice tone="good">{t('asked')}</Notice>}</div>
      {ask.isError && <RefusalAlert refusal={refusalOf(ask.error)} />}
      {erasures.data && erasures.data.items.length > 0 && <ErasureTable list={erasures.data} />}
    </section>
  );
}

function ErasureTable({ list }: { list: Erasures }) {
  const t = useTexts(privacyTexts);
  const locale = useLocale();
  return (
    <>
      <h3>{t('requests')}</h3>
      <div className={sheet.scroll} {...reachable}>
        <table className={sheet.table}>
          <thead>
            <tr>
              <th scope="col">{t('person')}</th>
              <th scope="col">{t('asked_by')}</th>
              <th scope="col">{t('date')}</th>
              <th scope="col">{t('reason')}</th>
              <th scope="col">{t('state')}</th>
              <th scope="col">{t('act')}</th>
            </tr>
          </thead>
          <tbody>
            {list.items.map((one) => (
              <tr key={one.id}>
                <th scope="row">{one.person_name}</th>
                <td>{one.asked_by_name}</td>
                <td>{formatDate(Date.parse(one.asked_at), locale)}</td>
                <td>
                  {one.reason}
                  {one.declined_reason && ` (${one.declined_reason})`}
                </td>
                <td>
                  {one.state === 'done' ? t('state_done', { act: one.act_number ?? '' }) : t(`state_${one.state}`)}
                </td>
                <td>
                  <Steps one={one} list={list} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Steps({ one, list }: { one: Erasure; list: Erasures }) {
  const t = useTexts(privacyTexts);
  const client = useQueryClient();
  const [declining, setDeclining] = useState(false);
  const [reason, setReason] = useState('');
  const step = useMutation({
    mutationFn: (to: 'approve' | 'confirm' | 'execute' | 'decline') =>
      to === 'decline' ? declineErasure(one.id, reason) : stepErasure(one.id, to),
    onSettled: () => client.invalidateQueries({ queryKey: ['erasures'] }),
  });
  const next =
    one.state === 'requested' && list.may_approve
      ? 'approve'
      : one.state === 'approved' && list.may_confirm
        ? 'confirm'
        : one.state === 'confirmed' && list.may_execute
          ? 'execute'
          : undefined;
  const isOpen = one.state !== 'done' && one.state !== 'declined';
  const run = () => {
    if (!next) return;
    if (next !== 'execute' || window.confirm(t('sure', { name: one.person_name }))) step.mutate(next);
  };
  return (
    <div className={sheet.row}>
      {next && (
        <button
          type="button"
          className={sheet.button}
          data-main={next !== 'execute' || undefined}
          data-danger={next === 'execute' || undefined}
          disabled={step.isPending}
          onClick={run}
        >
          {t(next)}
        </button>
      )}
      {isOpen && list.may_approve && !declining && (
        <button type="button" className={sheet.button} onClick={() => setDeclining(true)}>
          {t('decline')}
        </button>
      )}
      {declining && isOpen && (
        <form
          className={sheet.row}
          onSubmit={(event) => {
            event.preventDefault();
            step.mutate('decline');
          }}
        >
          <label className={sheet.field}>
            {t('reason')}
            <input required value={reason} onChange={(event) => setReason(event.target.value)} />
          </label>
          <button type="submit" className={sheet.button} data-danger>
            {t('decline')}
          </button>
        </form>
      )}
      {step.isError && <RefusalAlert refusal={refusalOf(step.error)} />}
    </div>
  );
}
