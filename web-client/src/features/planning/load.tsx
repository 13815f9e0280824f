// The load of a week by person, with bars against the contract; behind a name its single rows.
import { ActionIcon, Button, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { serverNow } from '../../shared/clock';
import { addDays, mondayOf } from '../../shared/dates';
import { dayKey, formatDate, formatShortDay, formatTime } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { useMe } from '../../shared/me';
import { correctLoad, fetchLoad, fetchLoadRows, type HostLoad, type LoadRow } from '../../shared/planning/api';
import { noonOf } from '../../shared/planning/explain';
import { Answered, Empty, Panel, ReasonDialog, styles, useMay } from '../../shared/planning/kit';
import { planningTexts } from '../../shared/planning/texts';
import { Dialog } from '../../shared/ui/dialog';
import { Icon } from '../../shared/ui/icon';
import { loadTexts } from './texts';

export function Load() {
  const t = useTexts(loadTexts);
  const tp = useTexts(planningTexts);
  const locale = useLocale();
  const [monday, setMonday] = useState(() => mondayOf(dayKey(serverNow())));
  const [shown, setShown] = useState<HostLoad>();
  const sunday = addDays(monday, 6);
  const load = useQuery({ queryKey: ['load', monday], queryFn: () => fetchLoad(monday, sunday) });
  const items = load.data?.items ?? [];
  const day = (key: string) => formatDate(noonOf(key), locale, 'UTC');
  const hours = (value: number) => tp('hours', { hours: value });
  return (
    <Panel
      title={t('week', { from: day(monday), to: day(sunday) })}
      tools={
        <div className={styles.chips}>
          <ActionIcon
            variant="default"
            size="lg"
            aria-label={t('week_before')}
            onClick={() => setMonday(addDays(monday, -7))}
          >
            <Icon name="left" />
          </ActionIcon>
          <ActionIcon
            variant="default"
            size="lg"
            aria-label={t('week_after')}
            onClick={() => setMonday(addDays(monday, 7))}
          >
            <Icon name="right" />
          </ActionIcon>
        </div>
      }
    >
      <Answered query={load}>
        {items.length === 0 ? (
          <Empty title={t('load_empty')} icon="people" />
        ) : (
          <table className={`${styles.table} ${styles.cards}`}>
            <thead>
              <tr>
                <th scope="col">{t('col_person')}</th>
                <th scope="col">{t('col_share')}</th>
                {(['col_limit', 'col_planned', 'col_held', 'col_ahead'] as const).map((key) => (
                  <th scope="col" key={key} className={styles.number}>
                    {t(key)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {items.map((one) => (
                <tr key={one.person}>
                  <td>
                    <button type="button" className={styles.plain} onClick={() => setShown(one)}>
                      {one.display_name}
                    </button>
                  </td>
                  <td data-label={t('col_share')}>
                    <Bar load={one} />
                  </td>
                  <td data-label={t('col_limit')} className={styles.number}>
                    {one.kind === 'working_time'
                      ? t('working_time')
                      : one.week_limit === undefined
                        ? t('no_limit')
                        : hours(one.week_limit)}
                  </td>
                  <td data-label={t('col_planned')} className={styles.number}>
                    {hours(one.planned)}
                  </td>
                  <td data-label={t('col_held')} className={styles.number}>
                    {hours(one.held)}
                  </td>
                  <td data-label={t('col_ahead')} className={styles.number}>
                    {hours(one.ahead)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Answered>
      <Dialog
        opened={shown !== undefined}
        onClose={() => setShown(undefined)}
        title={t('rows_of', { name: shown?.display_name ?? '' })}
        width={720}
      >
        {shown && <Rows person={shown.person} from={monday} to={sunday} />}
      </Dialog>
    </Panel>
  );
}

function Bar({ load }: { load: HostLoad }) {
  const most = load.week_limit ?? Math.max(load.held + load.ahead, 1);
  const share = (value: number) => `${Math.min(100, (value / Math.max(most, 0.01)) * 100)}%`;
  const over = load.week_limit !== undefined && load.held + load.ahead > load.week_limit;
  return (
    <div className={styles.bar} data-over={over || undefined} aria-hidden="true">
      <div className={styles.barHeld} style={{ width: share(load.held) }} />
      <div className={styles.barAhead} style={{ width: share(load.ahead) }} />
    </div>
  );
}

function Rows({ person, from, to }: { person: string; from: string; to: string }) {
  const t = useTexts(loadTexts);
  const tp = useTexts(planningTexts);
  const locale = useLocale();
  const zone = useMe()?.school.tz;
  const client = useQueryClient();
  const mayCorrect = useMay('override.grant');
  const rows = useQuery({ queryKey: ['load-rows', person, from], queryFn: () => fetchLoadRows(person, from, to) });
  const [entry, setEntry] = useState<LoadRow>();
  const [minutes, setMinutes] = useState('');
  const when = (row: LoadRow) =>
    `${formatShortDay(noonOf(row.date), locale, 'UTC')}, ${formatTime(Date.parse(row.start), locale, zone)}`;
  return (
    <Answered query={rows}>
      {rows.data?.items.length === 0 && <p className={styles.soft}>{t('rows_empty')}</p>}
      <ul className={styles.list}>
        {rows.data?.items.map((row) => (
          <li key={row.consultation} className={styles.date}>
            <div className={styles.dateTop}>
              {row.title}
              <span
                className={styles.badge}
                data-tone={
                  row.state === 'held'
                    ? 'good'
                    : row.state === 'cancelled' || row.state === 'not_held'
                      ? 'bad'
                      : undefined
                }
              >
                {tp(`state_${row.state}`)}
              </span>
              {row.share !== 'own' && <span className={styles.badge}>{t(row.share)}</span>}
              {row.corrected && <span className={styles.badge}>{t('corrected')}</span>}
            </div>
            <div className={styles.soft}>
              {[when(row), row.class, tp('hours', { hours: row.held ?? row.planned })].filter(Boolean).join(' · ')}
            </div>
            {row.entry && mayCorrect && (
              <Button size="compact-sm" variant="subtle" onClick={() => setEntry(row)}>
                {t('correct')}
              </Button>
            )}
          </li>
        ))}
      </ul>
      <ReasonDialog
        opened={entry !== undefined}
        onClose={() => setEntry(undefined)}
        title={t('correct_title')}
        action={t('correct')}
        onDone={async (reason) => {
          await correctLoad(entry?.entry ?? '', Number(minutes), reason);
          await client.invalidateQueries({ queryKey: ['load'] });
          await client.invalidateQueries({ queryKey: ['load-rows'] });
        }}
      >
        <p className={styles.soft}>{t('correct_help')}</p>
        <TextInput
          type="number"
          label={t('correct_minutes')}
          min={0}
          max={240}
          value={minutes}
          required
          onChange={(event) => setMinutes(event.currentTarget.value)}
        />
      </ReasonDialog>
    </Answered>
  );
}
