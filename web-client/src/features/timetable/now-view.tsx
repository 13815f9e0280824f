// «Сейчас»: big cards of what can be joined, small ones of what comes next.
import { UnstyledButton } from '@mantine/core';
import type { Ward } from '../../shared/api';
import { dayKey, formatTime } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { Icon } from '../../shared/ui/icon';
import { FormBadge } from './form-badge';
import { JoinButton } from './join-button';
import { type Item, overview, wardNames } from './model';
import { timetableTexts } from './texts';
import styles from './timetable.module.css';
import { useWords } from './words';

type Props = { items: Item[]; now: number; ward: string; wards: Ward[]; onDetails: (item: Item) => void };

export function NowView({ items, now, ward, wards, onDetails }: Props) {
  const t = useTexts(timetableTexts);
  const locale = useLocale();
  const { dayName } = useWords();
  const { now: on, next } = overview(items, now);
  const first = next[0];
  return (
    <>
      <section aria-labelledby="now-heading">
        <h2 id="now-heading" className={styles.section}>
          {t('now')}
        </h2>
        {on.length === 0 ? (
          <div className={styles.empty}>
            <Icon name="clock" size={28} />
            <div>
              <p className={styles.emptyTitle}>{t('empty_now')}</p>
              <p className={styles.emptyText}>
                {first
                  ? t('empty_now_next', {
                      day: dayName(dayKey(first.startMs), dayKey(now)).toLocaleLowerCase(locale),
                      time: formatTime(first.startMs, locale),
                    })
                  : t('empty_now_none')}
              </p>
            </div>
          </div>
        ) : (
          <div className={styles.bigCards}>
            {on.map((item) => (
              <Card key={item.id} item={item} now={now} ward={ward} wards={wards} onDetails={onDetails} big />
            ))}
          </div>
        )}
      </section>
      {next.length > 0 && (
        <section aria-labelledby="next-heading">
          <h2 id="next-heading" className={styles.section}>
            {t('next')}
          </h2>
          <div className={styles.cards}>
            {next.map((item) => (
              <Card key={item.id} item={item} now={now} ward={ward} wards={wards} onDetails={onDetails} />
            ))}
          </div>
        </section>
      )}
    </>
  );
}

type CardProps = Omit<Props, 'items'> & { item: Item; big?: boolean };

function Card({ item, now, ward, wards, onDetails, big = false }: CardProps) {
  const t = useTexts(timetableTexts);
  const { times, schoolTime, moment, about, dayName } = useWords();
  const names = wards.length > 1 && ward === 'all' ? wardNames(item, wards) : [];
  // A consultation on one topic is often named by it.
  const topics = item.topics.filter((topic) => topic !== item.title);
  const live = item.state === 'live';
  const today = dayKey(now);
  const day = dayKey(item.startMs);
  return (
    <article className={styles.card} data-live={live || undefined} data-big={big || undefined} aria-label={item.title}>
      <div className={styles.cardTop}>
        <FormBadge form={item.form} />
        <span className={styles.moment} data-live={live || undefined} role="timer" aria-live="off">
          {live && <span className={styles.dot} aria-hidden="true" />}
          {moment(item, now)}
        </span>
      </div>
      <h3 className={styles.cardTitle}>{item.title}</h3>
      <p className={styles.meta}>
        {!big && day !== today ? `${dayName(day, today)}, ` : ''}
        {times(item)}
        {schoolTime(item) && ` (${schoolTime(item)})`}
        {about(item) && <> · {about(item)}</>}
        {' · '}
        {item.role === 'host' ? t('you_host') : item.host.display_name}
      </p>
      {big && topics.length > 0 && <p className={styles.topics}>{topics.join(' · ')}</p>}
      {names.length > 0 && <p className={styles.meta}>{t('for_child', { names: names.join(', ') })}</p>}
      <div className={styles.cardActions}>
        <JoinButton item={item} now={now} ward={ward} size={big ? 'md' : 'sm'} />
        <UnstyledButton
          className={styles.more}
          aria-label={t('details_of', { title: item.title })}
          onClick={() => onDetails(item)}
        >
          {t('details')}
        </UnstyledButton>
      </div>
    </article>
  );
}
