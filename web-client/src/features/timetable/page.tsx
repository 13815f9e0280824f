// The first page after the sign-in: what is on now, what comes, the days, the week.
import { SegmentedControl, Skeleton } from '@mantine/core';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { addDays, mondayOf } from '../../shared/dates';
import { refusalOf } from '../../shared/errors';
import { dayKey } from '../../shared/i18n/format';
import { useTexts } from '../../shared/i18n/use-texts';
import { useMe } from '../../shared/me';
import { RefusalAlert } from '../../shared/ui/refusal';
import { useNow } from '../../shared/ui/use-now';
import { useTitle } from '../../shared/ui/use-title';
import { useTimetable } from './data';
import { DayList } from './day-list';
import { Details } from './details';
import { type Item, ofWard } from './model';
import { NowView } from './now-view';
import { timetableTexts } from './texts';
import styles from './timetable.module.css';
import { WeekGrid } from './week-grid';

const route = getRouteApi('/signed-in/shell/');

export type View = 'now' | 'list' | 'week';

export function TimetablePage() {
  const t = useTexts(timetableTexts);
  const me = useMe();
  const navigate = useNavigate({ from: '/' });
  const search = route.useSearch();
  const now = useNow();
  useTitle(t('title'));
  const [shown, setShown] = useState<Item>();
  const today = dayKey(now);
  const view = search.view ?? 'now';
  const monday = search.week ?? mondayOf(today);
  const wards = me?.wards ?? [];
  const ward = wards.some(({ id }) => id === search.ward) ? (search.ward ?? 'all') : 'all';

  const from = view === 'week' ? monday : addDays(today, -7);
  const to = view === 'week' ? addDays(monday, 6) : addDays(today, 14);
  const timetable = useTimetable(from, to);
  const items = ofWard(timetable.data ?? [], ward);
  const current = shown && (items.find((item) => item.id === shown.id) ?? shown);

  const set = (change: { view?: View; ward?: string; week?: string }) =>
    void navigate({
      search: (previous) => {
        const next = { ...previous, ...change };
        return {
          view: next.view === 'now' ? undefined : next.view,
          ward: next.ward === 'all' ? undefined : next.ward,
          week: next.week,
        };
      },
      replace: true,
    });

  return (
    <>
      <div className={styles.top}>
        <h1 className={styles.heading}>{t('title')}</h1>
        <SegmentedControl
          className={styles.views}
          aria-label={t('view')}
          value={view}
          onChange={(value) => set({ view: value as View })}
          data={(['now', 'list', 'week'] as const).map((value) => ({ value, label: t(`view_${value}`) }))}
        />
      </div>
      {wards.length > 1 && (
        <SegmentedControl
          className={styles.wards}
          aria-label={t('children')}
          value={ward}
          onChange={(value) => set({ ward: value })}
          data={[
            { value: 'all', label: t('all_children') },
            ...wards.map(({ id, display_name, class: schoolClass }) => ({
              value: id,
              label: [display_name.split(' ')[1] ?? display_name, schoolClass].filter(Boolean).join(', '),
            })),
          ]}
        />
      )}
      {timetable.isError && (
        <div className={styles.trouble}>
          <RefusalAlert refusal={refusalOf(timetable.error)} />
        </div>
      )}
      {timetable.isPending && !timetable.isError && <Loading />}
      {timetable.data && view === 'now' && (
        <NowView items={items} now={now} ward={ward} wards={wards} onDetails={setShown} />
      )}
      {timetable.data && view === 'list' && (
        <DayList items={items} now={now} ward={ward} wards={wards} onDetails={setShown} />
      )}
      {timetable.data && view === 'week' && (
        <WeekGrid items={items} now={now} monday={monday} onWeek={(key) => set({ week: key })} onDetails={setShown} />
      )}
      <Details item={current} now={now} ward={ward} wards={wards} onClose={() => setShown(undefined)} />
    </>
  );
}

function Loading() {
  return (
    <div className={styles.cards} aria-hidden="true">
      <Skeleton height={190} radius="lg" />
      <Skeleton height={190} radius="lg" />
      <Skeleton height={110} radius="lg" />
      <Skeleton height={110} radius="lg" />
    </div>
  );
}
