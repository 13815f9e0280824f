// A new password for one's own account. The hub ends every other sign-in; this browser stays.
import { Button, PasswordInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { changePassword } from '../../shared/api';
import type { Refusal } from '../../shared/errors';
import { useTexts } from '../../shared/i18n/use-texts';
import { Dialog } from '../../shared/ui/dialog';
import { Notice } from '../../shared/ui/notice';
import { RefusalAlert, useRetryCountdown } from '../../shared/ui/refusal';
import styles from './auth.module.css';
import { faultOf, type PasswordFault, type PasswordFields, refusedField } from './password-model';
import { authTexts } from './texts';

type Props = { opened: boolean; onClose: () => void; login: string };

export function PasswordDialog({ opened, onClose, login }: Props) {
  const t = useTexts(authTexts);
  return (
    <Dialog opened={opened} onClose={onClose} title={t('password_title')}>
      <PasswordForm login={login} onClose={onClose} />
    </Dialog>
  );
}

const FIELDS = [
  ['old', 'password_old', 'current-password'],
  ['fresh', 'password_new', 'new-password'],
  ['again', 'password_again', 'new-password'],
] as const;

function PasswordForm({ login, onClose }: { login: string; onClose: () => void }) {
  const t = useTexts(authTexts);
  const [fields, setFields] = useState<PasswordFields>({ old: '', fresh: '', again: '' });
  const [fault, setFault] = useState<PasswordFault>();
  const [refusal, setRefusal] = useState<Refusal>();
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(false);
  const wait = useRetryCountdown(refusal);

  const send = async () => {
    setBusy(true);
    setRefusal(undefined);
    try {
      await changePassword(fields.old, fields.fresh);
      setDone(true);
    } catch (error) {
      const refused = refusedField(error);
      if ('field' in refused) setFault(refused);
      else setRefusal(refused);
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

  if (done)
    return (
      <div className={styles.passwordForm}>
        <Notice alert tone="good" title={t('password_done')}>
          {t('password_done_help')}
        </Notice>
        <Button size="md" onClick={onClose} data-autofocus>
          {t('password_close')}
        </Button>
      </div>
    );
  return (
    <form className={styles.passwordForm} onSubmit={submit} noValidate>
      {refusal && <RefusalAlert refusal={refusal} />}
      {/* For password keepers: whose password it is. */}
      <input type="text" name="username" autoComplete="username" value={login} readOnly hidden />
      {FIELDS.map(([field, label, autoComplete]) => (
        <PasswordInput
          key={field}
          label={t(label)}
          description={field === 'fresh' ? t('password_hint') : undefined}
          size="md"
          name={field}
          autoComplete={autoComplete}
          visibilityToggleButtonProps={{ 'aria-label': t('show_password'), tabIndex: 0 }}
          value={fields[field]}
          onChange={(event) => setFields({ ...fields, [field]: event.currentTarget.value })}
          error={fault?.field === field ? t(fault.text) : undefined}
        />
      ))}
      <p className={styles.passwordNote}>{t('password_note')}</p>
      <Button type="submit" size="md" fullWidth loading={busy} disabled={wait > 0}>
        {t('password_submit')}
      </Button>
    </form>
  );
}
