// One's own sign-ins, with what was done to one's account.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { refusalOf } from '../../shared/errors';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { RefusalAlert } from '../../shared/ui/refusal';
import sheet from '../../shared/ui/sheet.module.css';
import { fetchSignIns } from './data';
import { privacyTexts } from './texts';

/** Shown before somebody asks for all. */
const FEW = 5;

export function SignIns() {
  const t = useTexts(privacyTexts);
  const locale = useLocale();
  const moment = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
  const [all, setAll] = useState(false);
  const query = useQuery({ queryKey: ['sign-ins'], queryFn: fetchSignIns });
  const items = query.data?.items ?? [];
  const called = (action: string) => {
    const key = `did_${action.replace('.', '_')}`;
    return key in privacyTexts.russian ? t(key as 'did_session_begin') : action;
  };
  return (
    <section className={sheet.card}>
      <h2>{t('sign_ins')}</h2>
      <p className={sheet.soft}>{t('sign_ins_help')}</p>
      {query.isError && <RefusalAlert refusal={refusalOf(query.error)} />}
      <ul className={sheet.plain}>
        {items.slice(0, all ? items.length : FEW).map((event) => (
          <li key={event.seq} style={{ padding: '6px 0' }}>
            {moment.format(Date.parse(event.at))} — {called(event.action)}
          </li>
        ))}
      </ul>
      {!all && items.length > FEW && (
        <button type="button" className={sheet.button} onClick={() => setAll(true)}>
          {t('sign_ins_more')}
        </button>
      )}
    </section>
  );
}
