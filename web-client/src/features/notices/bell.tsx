// The bell in the frame: how many notices are unread, and the way to them.
import { Link } from '@tanstack/react-router';
import { useTexts } from '../../shared/i18n/use-texts';
import { Icon } from '../../shared/ui/icon';
import { useLiveNotices, useNotices } from './live';
import styles from './notices.module.css';
import { noticeTexts } from './texts';

export default function Bell() {
  const t = useTexts(noticeTexts);
  useLiveNotices();
  const unread = useNotices().data?.unread ?? 0;
  return (
    <Link to="/notices" className={styles.bell} aria-label={unread > 0 ? t('bell', { count: unread }) : t('bell_none')}>
      <Icon name="bell" size={22} />
      {unread > 0 && (
        <span className={styles.count} aria-hidden="true">
          {unread > 99 ? '99+' : unread}
        </span>
      )}
    </Link>
  );
}
