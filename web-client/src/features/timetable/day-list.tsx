// All consultations, day under day.
import { Button, UnstyledButton } from '@mantine/core';
import { useState } from 'react';
import type { Ward } from '../../shared/api';
import { dayKey } from '../../shared/i18n/format';
import { useTexts } from '../../shared/i18n/use-texts';
import { Icon } from '../../shared/ui/icon';
import { FormBadge } from './form-badge';
import { JoinButton } from './join-button';
import { byDay, type Item, phaseOf, wardNames } from './model';
import { timetableTexts } from './texts';
import styles from './timetable.module.css';
import { useWords } from './words';

type Props = { items: Item[]; now: number; ward: string; wards: Ward[]; onDetails: (item: Item) => void };

export function DayList({ items, now, ward, wards, onDetails }: Props) {
  const t = useTexts(timetableTexts);
  const { dayName, times, schoolTime, moment, outcome, about } = useWords();
  const [past, setPast] = useState(false);
  const today = dayKey(now);
  const days = byDay(items);
  const shown = days.filter((day) => past || day.key >= today);
  const hidden = days.length - days.filter((day) => day.key >= today).length;
  return (
    <>
      {hidden > 0 && (
        <Button variant="subtle" size="sm" className={styles.earlier} onClick={() => setPast(!past)}>
          {past ? t('hide_earlier') : t('earlier')}
        </Button>
      )}
      {shown.length === 0 && (
        <div className={styles.empty}>
          <Icon name="calendar" size={28} />
          <div>
            <p className={styles.emptyTitle}>{t('empty_list')}</p>
            <p className={styles.emptyText}>{t('empty_list_help')}</p>
          </div>
        </div>
      )}
      {shown.map((day) => (
        <section key={day.key} aria-labelledby={`day-${day.key}`}>
          <h2 id={`day-${day.key}`} className={styles.day}>
            {dayName(day.key, today)}
            <span className={styles.dayCount}>{t('count', { count: day.items.length })}</span>
          </h2>
          <ul className={styles.rows}>
            {day.items.map((item) => {
              const over = phaseOf(item, now) === 'over';
              const names = wards.length > 1 && ward === 'all' ? wardNames(item, wards) : [];
              return (
                <li
                  key={item.id}
                  className={styles.row}
                  data-over={over || undefined}
                  data-live={item.state === 'live' || undefined}
                >
                  <span className={styles.rowTime}>
                    {times(item)}
                    {schoolTime(item) && <span className={styles.rowZone}>{schoolTime(item)}</span>}
                  </span>
                  <div className={styles.rowMain}>
                    <UnstyledButton
                      className={styles.rowTitle}
                      aria-label={t('details_of', { title: item.title })}
                      onClick={() => onDetails(item)}
                    >
                      {item.title}
                    </UnstyledButton>
                    <span className={styles.meta}>
                      {[about(item), item.role === 'host' ? t('you_host') : item.host.display_name, names.join(', ')]
                        .filter(Boolean)
                        .join(' · ')}
                    </span>
                  </div>
                  <FormBadge form={item.form} />
                  <div className={styles.rowEnd}>
                    {phaseOf(item, now) === 'joinable' ? (
                      <JoinButton item={item} now={now} ward={ward} size="sm" />
                    ) : (
                      <span className={styles.state} data-state={item.state}>
                        {over ? outcome(item) : moment(item, now)}
                      </span>
                    )}
                  </div>
                </li>
              );
            })}
          </ul>
        </section>
      ))}
    </>
  );
}
