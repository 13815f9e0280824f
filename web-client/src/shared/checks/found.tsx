// What a check found, in words: one line for a list, and the whole list for whoever holds the lesson.
import { useQuery } from '@tanstack/react-query';
import { formatShortDay, formatTime } from '../i18n/format';
import type { Locale } from '../i18n/locale';
import { useLocale, useTexts } from '../i18n/use-texts';
import { request } from '../net/http';
import { Icon } from '../ui/icon';
import type { Form } from '../wire.gen';
import styles from './checks.module.css';
import { type Check, type Invited, standingOf, troublesOf, untriedOf } from './model';
import { checkTexts } from './texts';

/** Those whom a consultation is for; asked again while somebody looks. */
export function useInvited(consultation: string, enabled = true) {
  return useQuery({
    queryKey: ['device-checks', consultation],
    queryFn: () =>
      request<{ items: Invited[] }>('GET', `/api/v1/consultations/${encodeURIComponent(consultation)}/device-checks`),
    enabled,
    refetchInterval: 15_000,
    retry: false,
  });
}

/** The words for a check: what is wrong, or what nobody tried, or that all works. */
export function useFound(): (check: Check | undefined, form: Form) => string {
  const t = useTexts(checkTexts);
  return (check, form) => {
    if (!check) return t('unchecked');
    const troubles = troublesOf(check.findings).map((trouble) => t(trouble));
    const untried = untriedOf(check.findings, form).map((part) => t(`untried_${part}`));
    if (untried.length > 0) troubles.push(t('untried', { what: untried.join(', ') }));
    return troubles.length > 0 ? troubles.join('; ') : t('fine');
  };
}

export function moment({ at }: Check, locale: Locale): string {
  const ms = Date.parse(at);
  return `${formatShortDay(ms, locale)}, ${formatTime(ms, locale)}`;
}

export function Found({ check, form }: { check: Check | undefined; form: Form }) {
  const t = useTexts(checkTexts);
  const found = useFound();
  const locale = useLocale();
  const standing = standingOf(check, form);
  return (
    <span
      className={styles.found}
      data-standing={standing}
      title={check && t('checked_at', { at: moment(check, locale) })}
    >
      <Icon name={standing === 'fine' ? 'check' : standing === 'trouble' ? 'warning' : 'info'} size={16} />
      {found(check, form)}
    </span>
  );
}

/** Beside somebody in the lobby; nothing to those who may not know it. */
export function FoundOf({ consultation, form, person }: { consultation: string; form: Form; person: string }) {
  const { data } = useInvited(consultation);
  const one = data?.items.find(({ id }) => id === person);
  return one ? <Found check={one.check} form={form} /> : null;
}
