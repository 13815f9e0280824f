// What the parts of the rules' section share: words, days, grades, and whether this person decides or proposes.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { serverNow } from '../../shared/clock';
import { dayKey } from '../../shared/i18n/format';
import { defineTexts } from '../../shared/i18n/texts';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { noonOf } from '../../shared/planning/explain';
import { styles, useMay } from '../../shared/planning/kit';
import { fetchProposals, isInForce } from './rules-model';
import russian from './rules-texts.ru';

export const texts = defineTexts(russian, () => import('./rules-texts.en'));

/** A day with its year: rows reach over several. */
export function useDay(): (key: string) => string {
  const format = new Intl.DateTimeFormat(useLocale() === 'ru' ? 'ru-RU' : 'en-GB', {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    timeZone: 'UTC',
  });
  return (key) => format.format(noonOf(key));
}

export function useGrades() {
  const t = useTexts(texts);
  return (row: { grade_from: number; grade_to: number }) =>
    t(row.grade_from === row.grade_to ? 'grade' : 'grades', { from: row.grade_from, to: row.grade_to });
}

/** Proposals; nothing is asked for by who may neither propose nor decide. */
export function useProposals() {
  const mayAsk = useMay('policy.manage');
  return useQuery({ queryKey: ['rule-proposals'], queryFn: fetchProposals, enabled: mayAsk });
}

/** «с 1 сентября 2026 по …», and whether that is now. */
export function useDates(): (row: { valid_from?: string; valid_to?: string }) => ReactNode {
  const t = useTexts(texts);
  const day = useDay();
  return (row) => {
    const from = row.valid_from && day(row.valid_from);
    const to = row.valid_to && day(row.valid_to);
    const words =
      from && to ? t('since_until', { from, to }) : from ? t('since', { from }) : to ? t('until', { to }) : t('always');
    return (
      <>
        <span className={styles.soft}>{words}</span>
        {!isInForce(row, dayKey(serverNow())) && <span className={styles.badge}>{t('past')}</span>}
      </>
    );
  };
}

export function useChange<Body>(key: string, change: (body: Body) => Promise<void>, onDone?: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: [key] });
      void client.invalidateQueries({ queryKey: ['rule-proposals'] });
      onDone?.();
    },
  });
}

/** What the button of a dialog says: who may only propose is told so. */
export function useAction(): string | undefined {
  const t = useTexts(texts);
  return useProposals().data?.decides === false ? t('propose') : undefined;
}
