// One's notices: what is new, what was before, and the way to what each is about.
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { refusalOf } from '../../shared/errors';
import { formatShortDay, formatTime } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { Notice } from '../../shared/ui/notice';
import { RefusalAlert } from '../../shared/ui/refusal';
import sheet from '../../shared/ui/sheet.module.css';
import { useTitle } from '../../shared/ui/use-title';
import { fetchNotices, readNotices } from './data';
import { detailOf, keyOf, whyOf } from './model';
import styles from './notices.module.css';
import { noticeTexts } from './texts';

export default function NoticesPage() {
  const t = useTexts(noticeTexts);
  const locale = useLocale();
  const client = useQueryClient();
  useTitle(t('title'));
  const list = useInfiniteQuery({
    queryKey: ['notices', 'all'],
    queryFn: ({ pageParam }) => fetchNotices(pageParam),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (last) => (last.more ? last.items.at(-1)?.at_ms : undefined),
  });
  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  const unread = list.data?.pages[0]?.unread ?? 0;
  const read = useMutation({
    mutationFn: () => readNotices(items[0]?.at_ms ?? 0),
    onSuccess: () => client.invalidateQueries({ queryKey: ['notices'] }),
  });
  const why = (reason: string) => {
    const key = whyOf(reason, noticeTexts.russian);
    return key ? t(key) : reason;
  };
  return (
    <>
      <div className={sheet.top}>
        <h1 className={sheet.heading}>{t('title')}</h1>
        <div className={sheet.row}>
          {unread > 0 && (
            <button type="button" className={sheet.button} disabled={read.isPending} onClick={() => read.mutate()}>
              {t('read_all')}
            </button>
          )}
          <Link to="/notices/settings" className={sheet.button}>
            {t('settings')}
          </Link>
        </div>
      </div>
      {list.isError && <RefusalAlert refusal={refusalOf(list.error)} />}
      {list.data && items.length === 0 && <Notice tone="info">{t('empty')}</Notice>}
      {items.length > 0 && (
        <div className={sheet.card}>
          <ul className={sheet.plain}>
            {items.map((item) => (
              <li key={item.id}>
                <a className={styles.item} href={item.path}>
                  <p className={styles.kind}>
                    {t(keyOf(item.notice.kind, noticeTexts.russian))}
                    {!item.is_read && (
                      <span className={sheet.tag} data-tone="wait">
                        {t('new_mark')}
                      </span>
                    )}
                  </p>
                  <p className={styles.detail}>{detailOf(item.notice, locale, why)}</p>
                  <p className={styles.detail}>
                    <time dateTime={new Date(item.at_ms).toISOString()}>
                      {formatShortDay(item.at_ms, locale)}, {formatTime(item.at_ms, locale)}
                    </time>
                  </p>
                </a>
              </li>
            ))}
          </ul>
          {list.hasNextPage && (
            <button
              type="button"
              className={sheet.button}
              disabled={list.isFetchingNextPage}
              onClick={() => void list.fetchNextPage()}
            >
              {t('more')}
            </button>
          )}
        </div>
      )}
    </>
  );
}
