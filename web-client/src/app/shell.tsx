// The frame of every page but the room: the school, the person, language and look.
import { useMantineColorScheme } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { signOut } from '../shared/api';
import { commonTexts } from '../shared/i18n/common';
import { LOCALES, setLocale } from '../shared/i18n/locale';
import { useLocale, useTexts } from '../shared/i18n/use-texts';
import { useMe } from '../shared/me';
import { Logo } from '../shared/ui/logo';
import { Menu, MenuDivider, MenuItem, MenuLabel } from '../shared/ui/menu';
import { initials } from '../shared/ui/names';
import { linksOf } from './nav';
import { NavButton, SideNav } from './nav-view';
import styles from './shell.module.css';
import { shellTexts } from './texts';

/** Few open it: it comes when it is asked for. */
const PasswordDialog = lazy(async () => ({
  default: (await import('../features/auth/password-dialog')).PasswordDialog,
}));

/** Beside the page, not before it. */
const Bell = lazy(() => import('../features/notices/bell'));

export function Shell() {
  const t = useTexts(shellTexts);
  const tc = useTexts(commonTexts);
  const me = useMe();
  const links = linksOf(
    me?.actions ?? [],
    (me?.roles ?? []).map(({ role }) => role),
  );
  return (
    <div className={styles.page}>
      <a className={styles.skip} href="#content">
        {t('skip')}
      </a>
      <header className={styles.header}>
        <div className={styles.headerInner}>
          <Link to="/" className={styles.brand} aria-label={t('home')}>
            <Logo />
            <span className={styles.names}>
              <span className={styles.app}>{tc('app_name')}</span>
              {me && <span className={styles.school}>{me.school.short_name || me.school.name}</span>}
            </span>
          </Link>
          {me?.demo && <span className={styles.demo}>{t('demo')}</span>}
          {links.length > 1 && <NavButton links={links} />}
          <Suspense fallback={null}>
            <Bell />
          </Suspense>
          <PersonMenu />
        </div>
      </header>
      <div className={styles.body} data-nav={links.length > 1 || undefined}>
        {links.length > 1 && <SideNav links={links} />}
        <main id="content" className={styles.content} tabIndex={-1}>
          <Outlet />
        </main>
      </div>
    </div>
  );
}

function PersonMenu() {
  const t = useTexts(shellTexts);
  const tc = useTexts(commonTexts);
  const me = useMe();
  const locale = useLocale();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const client = useQueryClient();
  const navigate = useNavigate();
  // Once opened it stays, so that closing gives the focus back to where it came from.
  const [password, setPassword] = useState<boolean>();
  if (!me) return null;
  const roles = [...new Set(me.roles.map(({ role }) => tc(`role_${role}`)))].join(', ');

  const leave = async () => {
    try {
      await signOut();
    } finally {
      client.clear();
      await navigate({ to: '/sign-in', search: {} });
    }
  };

  return (
    <>
      {password !== undefined && (
        <Suspense>
          <PasswordDialog opened={password} onClose={() => setPassword(false)} login={me.person.code} />
        </Suspense>
      )}
      <Menu
        label={t('account', { name: me.person.display_name })}
        buttonClassName={styles.person}
        button={
          <>
            <span className={styles.personNames}>
              <span className={styles.personName}>{me.person.display_name}</span>
              <span className={styles.personRole}>{roles}</span>
            </span>
            <span className={styles.avatar} aria-hidden="true">
              {initials(me.person.display_name)}
            </span>
          </>
        }
      >
        <MenuLabel>{t('language')}</MenuLabel>
        {LOCALES.map((item) => (
          <MenuItem key={item} lang={item} icon="globe" checked={item === locale} onClick={() => void setLocale(item)}>
            {t(`language_${item}`)}
          </MenuItem>
        ))}
        <MenuDivider />
        <MenuLabel>{t('look')}</MenuLabel>
        {(['auto', 'light', 'dark'] as const).map((look) => (
          <MenuItem
            key={look}
            icon={look === 'auto' ? 'settings' : look === 'light' ? 'sun' : 'moon'}
            checked={look === colorScheme}
            onClick={() => setColorScheme(look)}
          >
            {t(`look_${look}`)}
          </MenuItem>
        ))}
        <MenuDivider />
        <MenuItem icon="settings" onClick={() => setPassword(true)}>
          {t('change_password')}
        </MenuItem>
        <MenuItem icon="sign_out" onClick={() => void leave()}>
          {t('sign_out')}
        </MenuItem>
      </Menu>
    </>
  );
}
