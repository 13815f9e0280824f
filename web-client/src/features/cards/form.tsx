// The fields of a card and of its slots.
import '@mantine/core/styles/Checkbox.css';
import '@mantine/core/styles/Fieldset.css';
import { Button, Checkbox, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTexts } from '../../shared/i18n/use-texts';
import type { CardBody, CardContent, CardOptions, Slot } from '../../shared/planning/api';
import { Panel, styles } from '../../shared/planning/kit';
import { planningTexts } from '../../shared/planning/texts';
import { emptySlot, programmeOf, REALTIME, toLines, toList } from './model';
import { cardTexts } from './texts';

type Props = {
  body: CardBody;
  options: CardOptions;
  disabled: boolean;
  isNew: boolean;
  cardKey: string;
  onKey: (key: string) => void;
  onChange: (body: CardBody) => void;
};

export function CardForm({ body, options, disabled, isNew, cardKey, onKey, onChange }: Props) {
  const t = useTexts(cardTexts);
  const { content } = body;
  const set = (change: Partial<CardContent>) => onChange({ ...body, content: { ...content, ...change } });
  const setSlot = (n: number, slot: Slot) => set({ slots: content.slots.map((old, at) => (at === n ? slot : old)) });
  const homework = (change: Partial<NonNullable<CardContent['homework']>>) => {
    const next = { text: '', due: null, ...content.homework, ...change };
    set({ homework: next.text || next.due ? next : null });
  };
  return (
    <fieldset disabled={disabled} style={{ border: 0, margin: 0, padding: 0, minWidth: 0 }}>
      <Panel title={t('about')}>
        <div className={styles.grid}>
          <TextInput
            className={styles.wide}
            label={t('name')}
            value={content.title}
            maxLength={200}
            required
            onChange={(event) => set({ title: event.currentTarget.value })}
          />
          <NativeSelect
            label={t('subject')}
            value={body.subject ?? ''}
            onChange={(event) => onChange({ ...body, subject: event.currentTarget.value || null })}
            data={[
              ...options.subjects.map(({ id, name }) => ({ value: id, label: name })),
              { value: '', label: t('no_subject') },
            ]}
          />
          <NativeSelect
            label={t('group')}
            value={content.group}
            onChange={(event) => set({ group: event.currentTarget.value })}
            data={options.groups.map((one) => ({
              value: one.id,
              label: [one.class, one.name].filter(Boolean).join(', '),
            }))}
          />
          <NativeSelect
            label={t('teacher')}
            value={content.teacher}
            onChange={(event) => {
              const teacher = event.currentTarget.value;
              // Who teaches it holds it, unless a slot says otherwise.
              const slots = content.slots.map((slot) =>
                slot.host === content.teacher ? { ...slot, host: teacher } : slot,
              );
              set({ teacher, slots });
            }}
            data={options.hosts.map(({ id, name }) => ({ value: id, label: name }))}
          />
          {isNew && (
            <TextInput
              label={t('key')}
              description={t('key_help')}
              value={cardKey}
              maxLength={60}
              onChange={(event) => onKey(event.currentTarget.value)}
            />
          )}
          <ListField
            className={styles.wide}
            label={t('materials')}
            help={t('materials_help')}
            value={content.materials}
            parse={toLines}
            onChange={(materials) => set({ materials })}
          />
          <TextInput
            label={t('homework')}
            value={content.homework?.text ?? ''}
            maxLength={2000}
            onChange={(event) => homework({ text: event.currentTarget.value })}
          />
          <TextInput
            type="date"
            label={t('homework_due')}
            value={content.homework?.due ?? ''}
            onChange={(event) => homework({ due: event.currentTarget.value || null })}
          />
          <TextInput
            label={t('feedback')}
            value={content.feedback_channel ?? ''}
            maxLength={500}
            onChange={(event) => set({ feedback_channel: event.currentTarget.value || null })}
          />
          <TextInput
            label={t('note')}
            value={content.note ?? ''}
            maxLength={2000}
            onChange={(event) => set({ note: event.currentTarget.value || null })}
          />
          <Checkbox
            className={styles.wide}
            label={t('in_break')}
            checked={content.allow_in_break}
            onChange={(event) => set({ allow_in_break: event.currentTarget.checked })}
          />
        </div>
      </Panel>
      {content.slots.map((slot, n) => (
        <SlotForm
          // biome-ignore lint/suspicious/noArrayIndexKey: new slots have no name yet, and slots do not change places
          key={`${slot.key}${n}`}
          n={n}
          slot={slot}
          body={body}
          options={options}
          onChange={(next) => setSlot(n, next)}
          onRemove={
            content.slots.length > 1 ? () => set({ slots: content.slots.filter((_, at) => at !== n) }) : undefined
          }
        />
      ))}
      {!disabled && (
        <Button
          variant="default"
          onClick={() => {
            const last = content.slots.at(-1);
            const slot = last ? { ...structuredClone(last), key: '' } : emptySlot(content.teacher, '');
            set({ slots: [...content.slots, slot] });
          }}
        >
          {t('add_slot')}
        </Button>
      )}
    </fieldset>
  );
}

type SlotProps = {
  n: number;
  slot: Slot;
  body: CardBody;
  options: CardOptions;
  onChange: (slot: Slot) => void;
  onRemove?: () => void;
};

function SlotForm({ n, slot, body, options, onChange, onRemove }: SlotProps) {
  const t = useTexts(cardTexts);
  const tp = useTexts(planningTexts);
  const set = (change: Partial<Slot>) => onChange({ ...slot, ...change });
  const parts = programmeOf(body, options);
  const topics = [...new Set(parts.flatMap((part) => part.topics))];
  const once = slot.recurrence.type !== 'weekly';
  const span =
    slot.recurrence.type === 'once' ? { from: slot.recurrence.date, to: slot.recurrence.date } : slot.recurrence.span;
  const source = slot.sources?.[0]?.text ?? '';
  return (
    <Panel
      title={t('slot_n', { n: n + 1 })}
      tools={
        onRemove && (
          <Button variant="subtle" c="var(--danger)" size="compact-sm" onClick={onRemove}>
            {tp('remove')}
          </Button>
        )
      }
    >
      <div className={styles.grid}>
        <NativeSelect
          label={t('form')}
          value={slot.form}
          onChange={(event) => set({ form: event.currentTarget.value as Slot['form'] })}
          data={REALTIME.map((value) => ({ value, label: tp(`form_${value}`) }))}
        />
        <NativeSelect
          label={t('kind')}
          value={slot.kind}
          onChange={(event) => set({ kind: event.currentTarget.value as Slot['kind'] })}
          data={(['current', 'assessment_prep'] as const).map((value) => ({ value, label: t(`kind_${value}`) }))}
        />
        <NativeSelect
          label={t('coverage')}
          value={slot.coverage}
          onChange={(event) => set({ coverage: event.currentTarget.value as Slot['coverage'] })}
          data={(['topics', 'overview'] as const).map((value) => ({ value, label: t(`coverage_${value}`) }))}
        />
        <NativeSelect
          label={t('host')}
          value={slot.host}
          onChange={(event) => set({ host: event.currentTarget.value })}
          data={options.hosts.map(({ id, name }) => ({ value: id, label: name }))}
        />
        <NativeSelect
          label={t('repeat')}
          value={once ? 'once' : 'weekly'}
          onChange={(event) =>
            set({
              recurrence:
                event.currentTarget.value === 'once'
                  ? { type: 'once', date: span.from }
                  : { type: 'weekly', weekdays: [1], parity: null, span },
            })
          }
          data={(['once', 'weekly'] as const).map((value) => ({ value, label: t(`repeat_${value}`) }))}
        />
        {slot.recurrence.type === 'once' && (
          <TextInput
            type="date"
            label={tp('date')}
            value={slot.recurrence.date}
            required
            onChange={(event) => set({ recurrence: { type: 'once', date: event.currentTarget.value } })}
          />
        )}
        {slot.recurrence.type === 'weekly' && <Weekly slot={slot} onChange={set} />}
        <NativeSelect
          label={t('time')}
          value={slot.at?.type ?? 'start'}
          onChange={(event) =>
            set(
              event.currentTarget.value === 'period'
                ? { at: { type: 'period', value: options.periods.at(-1)?.n ?? 1 } }
                : { at: { type: 'start', value: '15:30:00' }, minutes: slot.minutes ?? 30 },
            )
          }
          data={(['start', 'period'] as const).map((value) => ({ value, label: t(`time_${value}`) }))}
        />
        {slot.at?.type === 'period' ? (
          <NativeSelect
            label={t('period')}
            value={String(slot.at.value)}
            onChange={(event) => set({ at: { type: 'period', value: Number(event.currentTarget.value) } })}
            data={options.periods.map(({ n: number, starts, ends }) => ({
              value: String(number),
              label: t('period_n', { n: number, starts: starts.slice(0, 5), ends: ends.slice(0, 5) }),
            }))}
          />
        ) : (
          <TextInput
            type="time"
            label={t('start')}
            value={slot.at?.value.slice(0, 5) ?? ''}
            required
            onChange={(event) => set({ at: { type: 'start', value: `${event.currentTarget.value}:00` } })}
          />
        )}
        <TextInput
          type="number"
          label={t('minutes')}
          min={5}
          max={240}
          value={slot.minutes ?? ''}
          required={slot.at?.type !== 'period'}
          onChange={(event) => set({ minutes: event.currentTarget.value ? Number(event.currentTarget.value) : null })}
        />
        <Checkbox.Group
          label={t('audience')}
          value={[slot.audience.students && 'students', slot.audience.guardians && 'guardians'].filter(
            (word) => word !== false,
          )}
          onChange={(value) =>
            set({ audience: { students: value.includes('students'), guardians: value.includes('guardians') } })
          }
        >
          <div className={styles.chips} style={{ marginTop: 8 }}>
            <Checkbox value="students" label={t('students')} />
            <Checkbox value="guardians" label={t('guardians')} />
          </div>
        </Checkbox.Group>
        {parts.length > 0 && (
          <Checkbox.Group
            className={styles.wide}
            label={t('parts')}
            value={slot.parts}
            onChange={(value) => set({ parts: value })}
          >
            <div className={styles.chips} style={{ marginTop: 8 }}>
              {parts.map((part) => (
                <Checkbox
                  key={part.title}
                  value={part.title}
                  label={part.completed ? `${part.title} (${t('part_done')})` : part.title}
                />
              ))}
            </div>
          </Checkbox.Group>
        )}
        <div className={styles.wide}>
          <ListField
            label={t('topics')}
            help={t('topics_help')}
            value={slot.topics}
            parse={toList}
            joined=", "
            onChange={(value) => set({ topics: value })}
          />
          <div className={styles.chips} style={{ marginTop: 8 }}>
            {topics
              .filter((topic) => !slot.topics.includes(topic))
              .slice(0, 12)
              .map((topic) => (
                <Button
                  key={topic}
                  size="compact-sm"
                  variant="default"
                  onClick={() => set({ topics: [...slot.topics, topic] })}
                >
                  + {topic}
                </Button>
              ))}
          </div>
        </div>
        <TextInput
          className={styles.wide}
          label={t('source')}
          description={t('source_help')}
          value={source}
          maxLength={500}
          onChange={(event) => {
            const rest = (slot.sources ?? []).filter((one) => one.kind !== 'note');
            const text = event.currentTarget.value;
            set({ sources: text ? [{ kind: 'note', text }, ...rest] : rest });
          }}
        />
      </div>
    </Panel>
  );
}

function Weekly({ slot, onChange }: { slot: Slot; onChange: (change: Partial<Slot>) => void }) {
  const t = useTexts(cardTexts);
  const tp = useTexts(planningTexts);
  if (slot.recurrence.type !== 'weekly') return null;
  const weekly = slot.recurrence;
  const set = (change: Partial<typeof weekly>) => onChange({ recurrence: { ...weekly, ...change } });
  return (
    <>
      <Checkbox.Group
        className={styles.wide}
        label={t('weekdays')}
        value={weekly.weekdays.map(String)}
        onChange={(value) => set({ weekdays: value.map(Number).sort() })}
      >
        <div className={styles.chips} style={{ marginTop: 8 }}>
          {([1, 2, 3, 4, 5, 6] as const).map((day) => (
            <Checkbox key={day} value={String(day)} label={tp(`weekday_${day}`)} />
          ))}
        </div>
      </Checkbox.Group>
      <NativeSelect
        label={t('weeks')}
        value={weekly.parity ?? 'all'}
        onChange={(event) => {
          const parity = event.currentTarget.value;
          set({ parity: parity === 'odd' || parity === 'even' ? parity : null });
        }}
        data={(['all', 'odd', 'even'] as const).map((value) => ({ value, label: t(`weeks_${value}`) }))}
      />
      <TextInput
        type="date"
        label={tp('from')}
        value={weekly.span.from}
        required
        onChange={(event) => set({ span: { ...weekly.span, from: event.currentTarget.value } })}
      />
      <TextInput
        type="date"
        label={tp('to')}
        value={weekly.span.to}
        required
        onChange={(event) => set({ span: { ...weekly.span, to: event.currentTarget.value } })}
      />
    </>
  );
}

type ListProps = {
  label: string;
  help: string;
  value: string[];
  parse: (text: string) => string[];
  joined?: string;
  className?: string;
  onChange: (value: string[]) => void;
};

/** A list in a text field. What is being typed stays as it is; the list follows. */
function ListField({ label, help, value, parse, joined = '\n', className, onChange }: ListProps) {
  const [typed, setTyped] = useState<string>();
  const shown = typed !== undefined && parse(typed).join('\n') === value.join('\n') ? typed : value.join(joined);
  return (
    <Textarea
      className={className}
      label={label}
      description={help}
      rows={2}
      value={shown}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        onChange(parse(event.currentTarget.value));
      }}
    />
  );
}
