// What the pages of individual help share: times in words, fields, empty lists, what an act does to what is shown.
import { Skeleton } from '@mantine/core';
import { type QueryKey, useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useId } from 'react';
import { refusalOf } from '../../shared/errors';
import { formatShortDay, formatTime } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { useMe } from '../../shared/me';
import { RefusalAlert } from '../../shared/ui/refusal';
import styles from './help.module.css';
import { helpTexts } from './texts';

/** Everything of individual help is asked anew after an act: one act moves several lists. */
export const HELP: QueryKey = ['help'];

export function useAct<V>(run: (values: V) => Promise<unknown>, done?: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: run,
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: HELP });
      done?.();
    },
  });
}

/** `чт, 3 дек., 16:10` in the school's time zone: an appointment is a place in the school's day. */
export function useMoment(): (iso: string) => string {
  const locale = useLocale();
  const zone = useMe()?.school.tz;
  return (iso) => `${formatShortDay(Date.parse(iso), locale, zone)}, ${formatTime(Date.parse(iso), locale, zone)}`;
}

export function useClock(): (iso: string) => string {
  const locale = useLocale();
  const zone = useMe()?.school.tz;
  return (iso) => formatTime(Date.parse(iso), locale, zone);
}

/** `Мария С.`: enough to tell children apart on a narrow screen. */
export function shortName(name: string): string {
  const [family, given] = name.split(' ');
  return given ? `${given} ${family?.[0] ?? ''}.` : name;
}

export function Field({
  label,
  help,
  children,
}: {
  label: string;
  help?: string;
  children: (id: string) => ReactNode;
}) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label htmlFor={id}>
        <span style={{ fontWeight: 600, fontSize: '0.9rem' }}>{label}</span>
      </label>
      {children(id)}
      {help && <small>{help}</small>}
    </div>
  );
}

type Option = { value: string; label: string };
export function Choose(props: { label: string; value: string; onChange: (value: string) => void; options: Option[] }) {
  return (
    <Field label={props.label}>
      {(id) => (
        <select
          id={id}
          className={styles.input}
          value={props.value}
          onChange={(event) => props.onChange(event.target.value)}
        >
          {props.options.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

type TextProps = { label: string; help?: string; value: string; onChange: (value: string) => void; most?: number };
export function Text({ label, help, value, onChange, most = 4000 }: TextProps) {
  return (
    <Field label={label} help={help}>
      {(id) => (
        <textarea
          id={id}
          className={styles.input}
          maxLength={most}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

export function Line({ label, value, onChange, type = 'text' }: TextProps & { type?: string }) {
  return (
    <Field label={label}>
      {(id) => (
        <input
          id={id}
          type={type}
          className={styles.input}
          maxLength={500}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

export function Check(props: { label: ReactNode; checked: boolean; onChange: (checked: boolean) => void }) {
  return (
    <label className={styles.check}>
      <input type="checkbox" checked={props.checked} onChange={(event) => props.onChange(event.target.checked)} />
      <span>{props.label}</span>
    </label>
  );
}

export function Empty({ title, text }: { title: string; text?: string }) {
  return (
    <div className={styles.empty}>
      <p className={styles.emptyTitle}>{title}</p>
      {text && <p>{text}</p>}
    </div>
  );
}

/** A list that is on its way, failed, is empty, or is there. */
export function Answer<T>(props: {
  query: { data: T | undefined; isError: boolean; error: unknown; isPending: boolean };
  children: (data: T) => ReactNode;
}) {
  const { query } = props;
  if (query.data !== undefined) return <>{props.children(query.data)}</>;
  if (query.isError) return <RefusalAlert refusal={refusalOf(query.error)} />;
  return (
    <div className={styles.grid} aria-hidden="true">
      <Skeleton height={150} radius="lg" />
      <Skeleton height={150} radius="lg" />
    </div>
  );
}

export function Trouble({ error }: { error: unknown }) {
  return error ? <RefusalAlert refusal={refusalOf(error)} /> : null;
}

export function useHelp() {
  return useTexts(helpTexts);
}
