import { commonTexts } from '../shared/i18n/common';
import { useTexts } from '../shared/i18n/use-texts';
import styles from './pending.module.css';

export function PendingPage() {
  const t = useTexts(commonTexts);
  return (
    <div className={styles.page} role="status" aria-label={t('loading')}>
      <span className={styles.wheel} aria-hidden="true" />
    </div>
  );
}
