import { Button } from '@mantine/core';
import { type ErrorComponentProps, Link, useRouter } from '@tanstack/react-router';
import { isErrorCode, refusalOf } from '../shared/errors';
import { commonTexts } from '../shared/i18n/common';
import { useTexts } from '../shared/i18n/use-texts';
import { RefusalAlert } from '../shared/ui/refusal';
import styles from './shell.module.css';

export function ErrorPage({ error, reset }: ErrorComponentProps) {
  const t = useTexts(commonTexts);
  const router = useRouter();
  const refusal = refusalOf(error);
  return (
    <main className={styles.middle}>
      <div className={styles.notice}>
        <RefusalAlert refusal={isErrorCode(refusal.code) ? refusal : { code: 'internal' }} />
        <Button
          onClick={() => {
            reset();
            void router.invalidate();
          }}
        >
          {t('retry')}
        </Button>
      </div>
    </main>
  );
}

export function NotFoundPage() {
  const t = useTexts(commonTexts);
  return (
    <main className={styles.middle}>
      <div className={styles.notice}>
        <RefusalAlert refusal={{ code: 'not_found' }} tone="info" />
        <Button component={Link} to="/">
          {t('to_timetable')}
        </Button>
      </div>
    </main>
  );
}
