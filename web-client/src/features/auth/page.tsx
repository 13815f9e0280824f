// Sign-in by the school's code and password.
import { Button, PasswordInput, TextInput, UnstyledButton } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useRouter } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { signIn } from '../../shared/api';
import type { Refusal } from '../../shared/errors';
import { commonTexts } from '../../shared/i18n/common';
import { useTexts } from '../../shared/i18n/use-texts';
import { publicQuery, rememberMe } from '../../shared/me';
import { Logo } from '../../shared/ui/logo';
import { RefusalAlert, useRetryCountdown } from '../../shared/ui/refusal';
import { useTitle } from '../../shared/ui/use-title';
import styles from './auth.module.css';
import { noteGiven } from './given';
import { LanguageSwitch } from './language-switch';
import { DEMO_PASSWORD, demoGroups, signInRefusal } from './model';
import { authTexts } from './texts';

const route = getRouteApi('/sign-in');

export function SignInPage() {
  const t = useTexts(authTexts);
  const tc = useTexts(commonTexts);
  const { next } = route.useSearch();
  const router = useRouter();
  const client = useQueryClient();
  const info = useQuery(publicQuery).data;
  const [login, setLogin] = useState('');
  const [password, setPassword] = useState('');
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refusal>();
  const wait = useRetryCountdown(refusal);
  useTitle(t('title'));

  const enter = async (code: string, secret: string) => {
    setBusy(true);
    try {
      const me = await signIn(code.trim(), secret);
      client.clear();
      rememberMe(client, me);
      if (me.password_change_required) noteGiven(me.person.code, secret);
      router.history.push(next ?? '/');
    } catch (error) {
      setRefusal(signInRefusal(error));
    } finally {
      setBusy(false);
    }
  };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (login.trim() && password) void enter(login, password);
  };

  return (
    <div className={styles.page}>
      <main className={styles.column}>
        <header className={styles.head}>
          <Logo size={52} />
          <div>
            <p className={styles.app}>{tc('app_name')}</p>
            {info && <p className={styles.school}>{info.school_name}</p>}
          </div>
        </header>
        <form className={styles.card} onSubmit={submit} noValidate>
          <h1 className={styles.title}>{t('title')}</h1>
          <p className={styles.lead}>{t('lead')}</p>
          {refusal && <RefusalAlert refusal={refusal} />}
          <TextInput
            label={t('login')}
            description={t('login_hint')}
            size="md"
            name="login"
            autoComplete="username"
            autoCapitalize="characters"
            spellCheck={false}
            autoFocus
            value={login}
            onChange={(event) => setLogin(event.currentTarget.value)}
            error={tried && !login.trim() ? t('login_missing') : undefined}
          />
          <PasswordInput
            label={t('password')}
            size="md"
            name="password"
            autoComplete="current-password"
            visibilityToggleButtonProps={{ 'aria-label': t('show_password'), tabIndex: 0 }}
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            error={tried && !password ? t('password_missing') : undefined}
          />
          <Button type="submit" size="md" fullWidth loading={busy} disabled={wait > 0}>
            {t('submit')}
          </Button>
        </form>
        {info?.demo && info.logins && info.logins.length > 0 && (
          <section className={styles.demo} aria-labelledby="demo-title">
            <h2 id="demo-title" className={styles.demoTitle}>
              {t('demo_title')}
            </h2>
            <p className={styles.lead}>{t('demo_lead', { password: DEMO_PASSWORD })}</p>
            {demoGroups(info.logins).map((group) => (
              <div key={group.role} className={styles.demoGroup}>
                <p className={styles.demoRole}>{tc(`role_${group.role}`)}</p>
                <div className={styles.demoPeople}>
                  {group.logins.map((person) => (
                    <UnstyledButton
                      key={person.code}
                      className={styles.demoPerson}
                      disabled={busy || wait > 0}
                      aria-label={t('demo_as', { name: `${person.name} (${person.code})` })}
                      onClick={() => {
                        setLogin(person.code);
                        void enter(person.code, DEMO_PASSWORD);
                      }}
                    >
                      <span>{person.name}</span>
                      <span className={styles.demoCode}>{person.code}</span>
                    </UnstyledButton>
                  ))}
                </div>
              </div>
            ))}
          </section>
        )}
        <LanguageSwitch />
      </main>
    </div>
  );
}
