// A week at a glance: days across, hours down.
import { ActionIcon, Button, UnstyledButton } from '@mantine/core';
import type { CSSProperties } from 'react';
import { addDays, mondayOf } from '../../shared/dates';
import { dayKey, formatDate, formatShortDay, formatTime } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { Icon } from '../../shared/ui/icon';
import { type Item, minuteOfDay, noonOf, phaseOf, week } from './model';
import { timetableTexts } from './texts';
import styles from './timetable.module.css';
import { useWords } from './words';

type Props = {
  items: Item[];
  now: number;
  monday: string;
  onWeek: (monday: string | undefined) => void;
  onDetails: (item: Item) => void;
};

/** Width of the column with the hours. */
const HOURS_PX = 54;

export function WeekGrid({ items, now, monday, onWeek, onDetails }: Props) {
  const t = useTexts(timetableTexts);
  const locale = useLocale();
  const { times, outcome, whom } = useWords();
  const grid = week(items, monday);
  const today = dayKey(now);
  const minutes = (grid.toHour - grid.fromHour) * 60;
  const percent = (minute: number) => `${((minute - grid.fromHour * 60) / minutes) * 100}%`;
  const hours = Array.from({ length: grid.toHour - grid.fromHour }, (_, n) => grid.fromHour + n);
  // A day with much at once is wider, so that every block can be read.
  const widths = grid.days.map(({ blocks }) => Math.max(100, 76 * Math.max(1, ...blocks.map((block) => block.lanes))));
  const columns = widths.map((width) => `minmax(${width}px, ${width}fr)`).join(' ');
  const width = HOURS_PX + widths.reduce((sum, one) => sum + one, 0);
  return (
    <section>
      <div className={styles.weekBar}>
        <ActionIcon
          variant="default"
          size="lg"
          aria-label={t('previous_week')}
          onClick={() => onWeek(addDays(monday, -7))}
        >
          <Icon name="left" />
        </ActionIcon>
        <ActionIcon variant="default" size="lg" aria-label={t('next_week')} onClick={() => onWeek(addDays(monday, 7))}>
          <Icon name="right" />
        </ActionIcon>
        <h2 className={styles.weekTitle} aria-live="polite">
          {t('week_of', {
            from: formatDate(noonOf(monday), locale, 'UTC'),
            to: formatDate(noonOf(addDays(monday, 6)), locale, 'UTC'),
          })}
        </h2>
        {monday !== mondayOf(today) && (
          <Button variant="subtle" size="sm" onClick={() => onWeek(undefined)}>
            {t('this_week')}
          </Button>
        )}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region must be reachable by keyboard */}
      <section className={styles.weekScroll} tabIndex={0} aria-label={t('view_week')}>
        <div
          className={styles.week}
          style={{ '--columns': columns, '--hours': hours.length, minWidth: width } as CSSProperties}
        >
          <div className={styles.hours} aria-hidden="true">
            {hours.map((hour) => (
              <span key={hour}>{hour}:00</span>
            ))}
          </div>
          {grid.days.map((day) => (
            <section
              key={day.key}
              ref={day.key === today ? scrollHere : undefined}
              className={styles.weekDay}
              data-today={day.key === today || undefined}
            >
              <h3 className={styles.weekDayName}>{formatShortDay(noonOf(day.key), locale, 'UTC')}</h3>
              <div className={styles.weekColumn}>
                {day.key === today &&
                  minuteOfDay(now) >= grid.fromHour * 60 &&
                  minuteOfDay(now) <= grid.toHour * 60 && (
                    <span className={styles.nowLine} style={{ top: percent(minuteOfDay(now)) }} aria-hidden="true" />
                  )}
                {day.blocks.map((block) => (
                  <UnstyledButton
                    key={block.item.id}
                    className={styles.block}
                    data-phase={phaseOf(block.item, now)}
                    data-state={block.item.state}
                    style={{
                      top: percent(block.from),
                      height: `calc(${percent(grid.fromHour * 60 + block.to - block.from)} - 2px)`,
                      left: `${(block.lane / block.lanes) * 100}%`,
                      width: `calc(${100 / block.lanes}% - 3px)`,
                    }}
                    aria-label={`${times(block.item)} ${block.item.title}, ${outcome(block.item)}`}
                    onClick={() => onDetails(block.item)}
                  >
                    <span className={styles.blockTime}>{formatTime(block.item.startMs, locale)}</span>
                    <span className={styles.blockTitle}>{block.item.title}</span>
                    <span className={styles.blockMeta}>{whom(block.item)}</span>
                  </UnstyledButton>
                ))}
              </div>
            </section>
          ))}
        </div>
      </section>
    </section>
  );
}

/** On a phone the week is wider than the screen: today stands first. */
function scrollHere(element: HTMLElement | null): void {
  const frame = element?.parentElement?.parentElement;
  if (element && frame) frame.scrollLeft = element.offsetLeft - HOURS_PX;
}
