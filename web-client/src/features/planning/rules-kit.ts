// What the parts of the rules' section share: words, days, grades, and whether this person decides or proposes.
import { useQuery } from '@tanstack/react-query';
import { defineTexts } from '../../shared/i18n/texts';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { noonOf } from '../../shared/planning/explain';
import { useMay } from '../../shared/planning/kit';
import { fetchProposals } from './rules-model';
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
