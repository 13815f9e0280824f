// The fields of a new password, in the dialog and on the page of the first one.
import { Button, PasswordInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { changePassword } from '../../shared/api';
import type { Refusal } from '../../shared/errors';
import { useTexts } from '../../shared/i18n/use-texts';
import { RefusalAlert, useRetryCountdown } from '../../shared/ui/refusal';
import styles from './auth.module.css';
import { faultOf, type PasswordFault, type PasswordFields, refusedField } from './password-model';
import { authTexts } from './texts';

const FIELDS = [
  ['old', 'current-password'],
  ['fresh', 'new-password'],
  ['again', 'new-password'],
] as const;

type Props = {
  login: string;
  /** The old password, where it has just been typed: it is not asked for again unless the hub says it is another. */
  typed?: string;
  labels: Record<keyof PasswordFields, string>;
  note: string;
  submitLabel: string;
  onDone: () => void;
};

export function PasswordForm({ login, typed, labels, note, submitLabel, onDone }: Props) {
  const t = useTexts(authTexts);
  const [fields, setFields] = useState<PasswordFields>({ old: typed ?? '', fresh: '', again: '' });
  const [asksOld, setAsksOld] = useState(!typed);
  const [fault, setFault] = useState<PasswordFault>();
  const [refusal, setRefusal] = useState<Refusal>();
  const [busy, setBusy] = useState(false);
  const wait = useRetryCountdown(refusal);

  const send = async () => {
    setBusy(true);
    setRefusal(undefined);
    try {
      await changePassword(fields.old, fields.fresh);
      onDone();
    } catch (error) {
      const refused = refusedField(error);
      if ('field' in refused) {
        setFault(refused);
        if (refused.field === 'old') setAsksOld(true);
      } else setRefusal(refused);
    } finally {
      setBusy(false);
    }
  };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const found = faultOf(fields);
    setFault(found);
    if (!found) void send();
  };

  const shown = FIELDS.filter(([field]) => field !== 'old' || asksOld);
  return (
    <form className={styles.passwordForm} onSubmit={submit} noValidate>
      {refusal && <RefusalAlert refusal={refusal} />}
      {/* For password keepers: whose password it is. */}
      <input type="text" name="username" autoComplete="username" value={login} readOnly hidden />
      {shown.map(([field, autoComplete], place) => (
        <PasswordInput
          key={field}
          label={labels[field]}
          description={field === 'fresh' ? t('password_hint') : undefined}
          size="md"
          name={field}
          autoComplete={autoComplete}
          autoFocus={place === 0}
          visibilityToggleButtonProps={{ 'aria-label': t('show_password'), tabIndex: 0 }}
          value={fields[field]}
          onChange={(event) => setFields({ ...fields, [field]: event.currentTarget.value })}
          error={fault?.field === field ? t(fault.text) : undefined}
        />
      ))}
      <p className={styles.passwordNote}>{note}</p>
      <Button type="submit" size="md" fullWidth loading={busy} disabled={wait > 0}>
        {submitLabel}
      </Button>
    </form>
  );
}
