// Russian or English, before there is a menu for it.
import { UnstyledButton } from '@mantine/core';
import { LOCALES, setLocale } from '../../shared/i18n/locale';
import { useLocale } from '../../shared/i18n/use-texts';
import styles from './auth.module.css';

export function LanguageSwitch() {
  const locale = useLocale();
  return (
    <div className={styles.languages}>
      {LOCALES.map((item) => (
        <UnstyledButton
          key={item}
          lang={item}
          className={styles.language}
          aria-pressed={item === locale}
          onClick={() => void setLocale(item)}
        >
          {item === 'ru' ? 'Русский' : 'English'}
        </UnstyledButton>
      ))}
    </div>
  );
}
