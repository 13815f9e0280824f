// Holds against erasure: who answers for data sets them and lifts them, each with a reason.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { refusalOf } from '../../shared/errors';
import { formatDate } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { reachable } from '../../shared/ui/reachable';
import { RefusalAlert } from '../../shared/ui/refusal';
import sheet from '../../shared/ui/sheet.module.css';
import { fetchHolds, type Hold, liftHold, placeHold } from './data';
import { privacyTexts } from './texts';

export function Holds() {
  const t = useTexts(privacyTexts);
  const client = useQueryClient();
  const holds = useQuery({ queryKey: ['holds'], queryFn: fetchHolds });
  const [code, setCode] = useState('');
  const [reason, setReason] = useState('');
  const place = useMutation({
    mutationFn: () => placeHold(code.trim(), reason),
    onSuccess: () => {
      setCode('');
      setReason('');
      return client.invalidateQueries({ queryKey: ['holds'] });
    },
  });
  return (
    <section className={sheet.card}>
      <h2>{t('holds')}</h2>
      <p className={sheet.soft}>{t('holds_note')}</p>
      <form
        className={sheet.row}
        onSubmit={(event) => {
          event.preventDefault();
          place.mutate();
        }}
      >
        <label className={sheet.field}>
          {t('hold_code')}
          <input required maxLength={60} value={code} onChange={(event) => setCode(event.target.value)} />
        </label>
        <label className={sheet.field} style={{ flex: '1 1 240px' }}>
          {t('hold_reason')}
          <input required maxLength={1000} value={reason} onChange={(event) => setReason(event.target.value)} />
        </label>
        <button type="submit" className={sheet.button} data-main disabled={place.isPending}>
          {t('hold_place')}
        </button>
      </form>
      {place.isError && <RefusalAlert refusal={refusalOf(place.error)} />}
      {holds.isError && <RefusalAlert refusal={refusalOf(holds.error)} />}
      {holds.data?.items.length === 0 && (
        <p className={sheet.soft} style={{ marginTop: 12 }}>
          {t('holds_none')}
        </p>
      )}
      {holds.data && holds.data.items.length > 0 && <Table items={holds.data.items} />}
    </section>
  );
}

function Table({ items }: { items: Hold[] }) {
  const t = useTexts(privacyTexts);
  const locale = useLocale();
  const date = (at: string) => formatDate(Date.parse(at), locale);
  return (
    <div className={sheet.scroll} {...reachable}>
      <table className={sheet.table}>
        <thead>
          <tr>
            <th scope="col">{t('person')}</th>
            <th scope="col">{t('hold_reason')}</th>
            <th scope="col">{t('hold_by')}</th>
            <th scope="col">{t('state')}</th>
          </tr>
        </thead>
        <tbody>
          {items.map((one) => (
            <tr key={one.id}>
              <th scope="row">{one.person_name}</th>
              <td>{one.reason}</td>
              <td>
                {one.placed_by_name}, {date(one.placed_at)}
              </td>
              <td>
                {one.lifted_at ? (
                  t('hold_lifted', {
                    date: date(one.lifted_at),
                    name: one.lifted_by_name ?? '',
                    reason: one.lifted_reason ?? '',
                  })
                ) : (
                  <Lift hold={one} />
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Lift({ hold }: { hold: Hold }) {
  const t = useTexts(privacyTexts);
  const client = useQueryClient();
  const [isAsked, setAsked] = useState(false);
  const [reason, setReason] = useState('');
  const lift = useMutation({
    mutationFn: () => liftHold(hold.id, reason),
    onSuccess: () => client.invalidateQueries({ queryKey: ['holds'] }),
  });
  if (!isAsked) {
    return (
      <div className={sheet.row}>
        <span className={sheet.tag} data-tone="wait">
          {t('hold_in_force')}
        </span>
        <button type="button" className={sheet.button} onClick={() => setAsked(true)}>
          {t('hold_lift')}
        </button>
      </div>
    );
  }
  return (
    <form
      className={sheet.row}
      onSubmit={(event) => {
        event.preventDefault();
        lift.mutate();
      }}
    >
      <label className={sheet.field}>
        {t('hold_lift_reason')}
        <input required maxLength={1000} value={reason} onChange={(event) => setReason(event.target.value)} />
      </label>
      <button type="submit" className={sheet.button} data-danger disabled={lift.isPending}>
        {t('hold_lift')}
      </button>
      {lift.isError && <RefusalAlert refusal={refusalOf(lift.error)} />}
    </form>
  );
}
