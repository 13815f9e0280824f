// A new password for one's own account. The hub ends every other sign-in; this browser stays.
import { Button } from '@mantine/core';
import { useState } from 'react';
import { useTexts } from '../../shared/i18n/use-texts';
import { Dialog } from '../../shared/ui/dialog';
import { Notice } from '../../shared/ui/notice';
import styles from './auth.module.css';
import { PasswordForm } from './password-form';
import { authTexts } from './texts';

type Props = { opened: boolean; onClose: () => void; login: string };

export function PasswordDialog({ opened, onClose, login }: Props) {
  const t = useTexts(authTexts);
  return (
    <Dialog opened={opened} onClose={onClose} title={t('password_title')}>
      <Change login={login} onClose={onClose} />
    </Dialog>
  );
}

function Change({ login, onClose }: { login: string; onClose: () => void }) {
  const t = useTexts(authTexts);
  const [done, setDone] = useState(false);
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
    <PasswordForm
      login={login}
      labels={{ old: t('password_old'), fresh: t('password_new'), again: t('password_again') }}
      note={t('password_note')}
      submitLabel={t('password_submit')}
      onDone={() => setDone(true)}
    />
  );
}
