// The layers of the calendar as fields: week, years with terms, special days, bells, shifts of classes.
import { Button, Checkbox, NativeSelect, TextInput } from '@mantine/core';
import { useTexts } from '../../shared/i18n/use-texts';
import type { Calendar, DayKind } from '../../shared/planning/api';
import { Panel, styles } from '../../shared/planning/kit';
import { planningTexts } from '../../shared/planning/texts';
import { calendarTexts } from './texts';

type Props = { calendar: Calendar; disabled: boolean; onChange: (calendar: Calendar) => void };
type Bells = Calendar['bells'][number];
type Day = Calendar['days'][number];

const replace = <T,>(list: T[], at: number, item: T) => list.map((old, n) => (n === at ? item : old));
const without = <T,>(list: T[], at: number) => list.filter((_, n) => n !== at);

export function CalendarForm({ calendar, disabled, onChange }: Props) {
  const t = useTexts(calendarTexts);
  const set = (change: Partial<Calendar>) => onChange({ ...calendar, ...change });
  return (
    <fieldset disabled={disabled} style={{ border: 0, margin: 0, padding: 0, minWidth: 0 }}>
      <Panel title={t('basics')}>
        <div className={styles.grid}>
          <TextInput
            label={t('tz')}
            description={t('tz_help')}
            value={calendar.tz}
            onChange={(event) => set({ tz: event.currentTarget.value })}
          />
          <NativeSelect
            label={t('days_a_week')}
            value={String(calendar.days_a_week)}
            onChange={(event) => set({ days_a_week: Number(event.currentTarget.value) })}
            data={['5', '6']}
          />
          <TextInput
            type="date"
            label={t('odd_monday')}
            value={calendar.odd_monday}
            onChange={(event) => set({ odd_monday: event.currentTarget.value })}
          />
          <Checkbox
            label={t('skips')}
            checked={calendar.parity_skips_breaks}
            onChange={(event) => set({ parity_skips_breaks: event.currentTarget.checked })}
          />
        </div>
      </Panel>
      <Years calendar={calendar} disabled={disabled} onChange={onChange} />
      <Days calendar={calendar} disabled={disabled} onChange={onChange} />
      <AllBells calendar={calendar} disabled={disabled} onChange={onChange} />
      <Panel title={t('classes')}>
        <div className={styles.grid}>
          {calendar.classes.map((one, n) => (
            <NativeSelect
              key={one.id}
              label={one.name}
              value={String(one.shift)}
              onChange={(event) =>
                set({ classes: replace(calendar.classes, n, { ...one, shift: Number(event.currentTarget.value) }) })
              }
              data={['1', '2', '3'].map((value) => ({ value, label: t('shift_n', { n: value }) }))}
            />
          ))}
        </div>
      </Panel>
    </fieldset>
  );
}

function Years({ calendar, disabled, onChange }: Props) {
  const t = useTexts(calendarTexts);
  const tp = useTexts(planningTexts);
  return calendar.years.map((year, at) => {
    const set = (change: Partial<typeof year>) =>
      onChange({ ...calendar, years: replace(calendar.years, at, { ...year, ...change }) });
    return (
      <Panel key={year.id} title={t('year_n', { name: year.name })}>
        <div className={styles.grid}>
          <TextInput
            type="date"
            label={tp('from')}
            value={year.from}
            onChange={(event) => set({ from: event.currentTarget.value })}
          />
          <TextInput
            type="date"
            label={tp('to')}
            value={year.to}
            onChange={(event) => set({ to: event.currentTarget.value })}
          />
        </div>
        <ul className={styles.list}>
          {year.terms.map((term, n) => {
            const setTerm = (change: Partial<typeof term>) =>
              set({ terms: replace(year.terms, n, { ...term, ...change }) });
            return (
              // biome-ignore lint/suspicious/noArrayIndexKey: terms are edited in place and have no name of their own
              <li key={n} className={styles.date}>
                <div className={styles.grid}>
                  <TextInput
                    label={t('term')}
                    value={term.title}
                    onChange={(event) => setTerm({ title: event.currentTarget.value })}
                  />
                  <TextInput
                    type="date"
                    label={tp('from')}
                    value={term.from}
                    onChange={(event) => setTerm({ from: event.currentTarget.value })}
                  />
                  <TextInput
                    type="date"
                    label={tp('to')}
                    value={term.to}
                    onChange={(event) => setTerm({ to: event.currentTarget.value })}
                  />
                </div>
              </li>
            );
          })}
        </ul>
        {!disabled && (
          <Button
            variant="default"
            size="compact-md"
            onClick={() => set({ terms: [...year.terms, { kind: 'quarter', title: '', from: year.to, to: year.to }] })}
          >
            {t('add_term')}
          </Button>
        )}
      </Panel>
    );
  });
}

function Days({ calendar, disabled, onChange }: Props) {
  const t = useTexts(calendarTexts);
  const tp = useTexts(planningTexts);
  const put = (days: Day[]) => onChange({ ...calendar, days });
  return (
    <Panel title={t('days')}>
      <p className={styles.soft}>{t('days_help')}</p>
      <ul className={styles.list}>
        {calendar.days.map((day, n) => {
          const set = (change: Partial<Day>) => put(replace(calendar.days, n, { ...day, ...change }));
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: a day is named by its date, which is what is edited
            <li key={n} className={styles.date}>
              <div className={styles.grid}>
                <TextInput
                  type="date"
                  label={tp('date')}
                  value={day.date}
                  onChange={(event) => set({ date: event.currentTarget.value })}
                />
                <NativeSelect
                  label={t('kind')}
                  value={day.kind}
                  onChange={(event) => set({ kind: event.currentTarget.value as DayKind })}
                  data={(['holiday', 'break', 'moved', 'school'] as const).map((value) => ({
                    value,
                    label: t(`kind_${value}`),
                  }))}
                />
                {day.kind === 'moved' && (
                  <NativeSelect
                    label={t('use_weekday')}
                    value={String(day.use_weekday ?? 1)}
                    onChange={(event) => set({ use_weekday: Number(event.currentTarget.value) })}
                    data={([1, 2, 3, 4, 5, 6] as const).map((value) => ({
                      value: String(value),
                      label: tp(`weekday_${value}`),
                    }))}
                  />
                )}
                {(day.kind === 'moved' || day.kind === 'school') && (
                  <NativeSelect
                    label={t('day_bells')}
                    value={day.bells ?? ''}
                    onChange={(event) => set({ bells: event.currentTarget.value || undefined })}
                    data={[
                      { value: '', label: t('day_bells_usual') },
                      ...calendar.bells
                        .filter(({ shift }) => shift === 1)
                        .map(({ id, name }) => ({ value: id, label: name })),
                    ]}
                  />
                )}
                <NativeSelect
                  label={t('week')}
                  value={day.week ?? ''}
                  onChange={(event) => {
                    const week = event.currentTarget.value;
                    set({ week: week === 'odd' || week === 'even' ? week : undefined });
                  }}
                  data={[
                    { value: '', label: t('week_usual') },
                    ...(['odd', 'even'] as const).map((value) => ({ value, label: tp(value) })),
                  ]}
                />
                <TextInput
                  label={t('name')}
                  value={day.title ?? ''}
                  maxLength={120}
                  onChange={(event) => set({ title: event.currentTarget.value })}
                />
              </div>
              {!disabled && (
                <Button
                  variant="subtle"
                  c="var(--danger)"
                  size="compact-sm"
                  onClick={() => put(without(calendar.days, n))}
                >
                  {tp('remove')}
                </Button>
              )}
            </li>
          );
        })}
      </ul>
      {!disabled && (
        <Button
          variant="default"
          size="compact-md"
          onClick={() => put([...calendar.days, { date: '', kind: 'holiday', title: '' }])}
        >
          {t('add_day')}
        </Button>
      )}
    </Panel>
  );
}

function AllBells({ calendar, disabled, onChange }: Props) {
  const t = useTexts(calendarTexts);
  const usual = calendar.bells.find(({ id }) => id === calendar.usual_bells);
  const add = (bells: Bells) => onChange({ ...calendar, bells: [...calendar.bells, bells] });
  const fresh = () => crypto.randomUUID();
  return (
    <Panel
      title={t('bells')}
      tools={
        !disabled &&
        usual && (
          <div className={styles.chips}>
            <Button
              variant="default"
              size="compact-md"
              onClick={() => add({ ...shortened(usual), id: fresh(), name: t('shortened') })}
            >
              {t('shorten')}
            </Button>
            {!calendar.bells.some(({ name, shift }) => name === usual.name && shift === 2) && (
              <Button variant="default" size="compact-md" onClick={() => add({ ...usual, id: fresh(), shift: 2 })}>
                {t('add_shift')}
              </Button>
            )}
          </div>
        )
      }
    >
      {calendar.bells.map((bells, at) => {
        const set = (change: Partial<Bells>) =>
          onChange({ ...calendar, bells: replace(calendar.bells, at, { ...bells, ...change }) });
        return (
          <details key={bells.id} open={bells.id === calendar.usual_bells}>
            <summary>
              <b>{t('bells_n', { name: bells.name, shift: bells.shift })}</b>{' '}
              {bells.id === calendar.usual_bells && <span className={styles.badge}>{t('is_usual')}</span>}
            </summary>
            <div className={styles.grid} style={{ margin: '12px 0' }}>
              {bells.periods.map((period, n) => {
                const put = (change: Partial<typeof period>) =>
                  set({ periods: replace(bells.periods, n, { ...period, ...change }) });
                return (
                  <div key={period.n} className={styles.chips}>
                    <TextInput
                      type="time"
                      label={`${t('period')} ${period.n}`}
                      value={period.starts.slice(0, 5)}
                      onChange={(event) => put({ starts: `${event.currentTarget.value}:00` })}
                    />
                    <TextInput
                      type="time"
                      label="–"
                      aria-label={`${t('period')} ${period.n}, –`}
                      value={period.ends.slice(0, 5)}
                      onChange={(event) => put({ ends: `${event.currentTarget.value}:00` })}
                    />
                  </div>
                );
              })}
            </div>
          </details>
        );
      })}
    </Panel>
  );
}

/** Every period ten minutes shorter, breaks as they were. */
export function shortened(bells: Bells): Bells {
  const minutes = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));
  const time = (all: number) =>
    `${String(Math.floor(all / 60)).padStart(2, '0')}:${String(all % 60).padStart(2, '0')}:00`;
  let gained = 0;
  const periods = bells.periods.map(({ n, starts, ends }) => {
    const from = minutes(starts) - gained;
    gained += 10;
    return { n, starts: time(from), ends: time(minutes(ends) - gained) };
  });
  return { ...bells, periods };
}
