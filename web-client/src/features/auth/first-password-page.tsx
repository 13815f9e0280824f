// The first password is somebody else's choice: before anything else the person chooses their own, and goes on to where they
// were going.
import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useRouter } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { signOut } from '../../shared/api';
import { commonTexts } from '../../shared/i18n/common';
import { useTexts } from '../../shared/i18n/use-texts';
import { rememberMe, useMe } from '../../shared/me';
import { Logo } from '../../shared/ui/logo';
import { useTitle } from '../../shared/ui/use-title';
import styles from './auth.module.css';
import { takeGiven } from './given';
import { LanguageSwitch } from './language-switch';
import { PasswordForm } from './password-form';
import { authTexts } from './texts';

const route = getRouteApi('/password');

export default function FirstPasswordPage() {
  const t = useTexts(authTexts);
  const tc = useTexts(commonTexts);
  const { next } = route.useSearch();
  const router = useRouter();
  const client = useQueryClient();
  const me = useMe();
  useTitle(t('first_title'));
  const isDue = me?.password_change_required;

  // Opened by its address, or left open in another tab: there is nothing to do here.
  useEffect(() => {
    if (isDue === false) router.history.replace(next ?? '/');
  }, [isDue, next, router]);

  const leave = async () => {
    try {
      await signOut();
    } finally {
      client.clear();
      await router.navigate({ to: '/sign-in', search: {} });
    }
  };

  if (!me || !isDue) return null;
  return (
    <div className={styles.page}>
      <main className={styles.column}>
        <header className={styles.head}>
          <Logo size={52} />
          <div>
            <p className={styles.app}>{tc('app_name')}</p>
            <p className={styles.school}>{me.school.short_name || me.school.name}</p>
          </div>
        </header>
        <section className={styles.card}>
          <h1 className={styles.title}>{t('first_title')}</h1>
          <p className={styles.lead}>{t('first_lead', { name: me.person.display_name })}</p>
          <Choose
            login={me.person.code}
            onDone={() => rememberMe(client, { ...me, password_change_required: false })}
          />
        </section>
        <Button variant="subtle" onClick={() => void leave()}>
          {t('first_leave')}
        </Button>
        <LanguageSwitch />
      </main>
    </div>
  );
}

function Choose({ login, onDone }: { login: string; onDone: () => void }) {
  const t = useTexts(authTexts);
  const [typed] = useState(() => takeGiven(login));
  return (
    <PasswordForm
      login={login}
      typed={typed}
      labels={{ old: t('first_given'), fresh: t('password_new'), again: t('password_again') }}
      note={t('first_note')}
      submitLabel={t('first_submit')}
      onDone={onDone}
    />
  );
}
