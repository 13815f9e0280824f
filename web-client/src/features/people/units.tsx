// Units: made, renamed, taken away while empty; which classes are in them.
import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { refusalOf } from '../../shared/errors';
import { useTexts } from '../../shared/i18n/use-texts';
import { Answered, Empty, FormDialog, Panel, styles } from '../../shared/planning/kit';
import { planningTexts } from '../../shared/planning/texts';
import { addUnit, dropUnit, fetchUnits, putClass, renameUnit, type Unit, type Units } from './data';
import { Why } from './shown';
import { peopleTexts } from './texts';

export function UnitsSection() {
  const t = useTexts(peopleTexts);
  const tp = useTexts(planningTexts);
  const client = useQueryClient();
  const query = useQuery({ queryKey: ['units'], queryFn: fetchUnits });
  const [naming, setNaming] = useState<Unit | 'new'>();
  const keep = (units: Units) => client.setQueryData(['units'], units);
  const dropping = useMutation({ mutationFn: dropUnit, onSuccess: keep });
  const moving = useMutation({
    mutationFn: ({ id, unit }: { id: string; unit: string | null }) => putClass(id, unit),
    onSuccess: keep,
  });
  const units = query.data?.items ?? [];
  const classes = query.data?.classes ?? [];
  const many_years = new Set(classes.map(({ year }) => year)).size > 1;
  return (
    <Answered query={query}>
      <Panel title={t('units')} tools={<Button onClick={() => setNaming('new')}>{t('unit_add')}</Button>}>
        {dropping.isError && <Why refusal={refusalOf(dropping.error)} />}
        {units.length === 0 && <Empty title={t('units_empty')} text={t('units_help')} icon="people" />}
        {units.length > 0 && (
          <table className={`${styles.table} ${styles.cards}`}>
            <thead>
              <tr>
                <th scope="col">{t('unit')}</th>
                <th scope="col">{t('heads')}</th>
                <th scope="col">{t('members')}</th>
                <th scope="col">{t('classes')}</th>
                <th scope="col" aria-label={tp('edit')} />
              </tr>
            </thead>
            <tbody>
              {units.map((unit) => (
                <tr key={unit.id}>
                  <td>
                    <b>{unit.name}</b>
                  </td>
                  <td data-label={t('heads')}>{unit.heads.join(', ') || tp('none')}</td>
                  <td data-label={t('members')}>{unit.members}</td>
                  <td data-label={t('classes')}>{unit.classes.join(', ') || tp('none')}</td>
                  <td>
                    <div className={styles.chips}>
                      <Button size="compact-sm" variant="default" onClick={() => setNaming(unit)}>
                        {t('rename')}
                      </Button>
                      <Button
                        size="compact-sm"
                        variant="subtle"
                        aria-label={t('drop_unit', { name: unit.name })}
                        onClick={() => dropping.mutate(unit.id)}
                      >
                        {tp('remove')}
                      </Button>
                    </div>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Panel>
      {units.length > 0 && classes.length > 0 && (
        <Panel title={t('classes_in_units')}>
          <p className={styles.soft}>{t('classes_help')}</p>
          {moving.isError && <Why refusal={refusalOf(moving.error)} />}
          <div className={styles.grid}>
            {classes.map(({ id, name, year, unit }) => (
              <NativeSelect
                key={id}
                label={many_years ? `${name}, ${year}` : name}
                value={unit ?? ''}
                disabled={moving.isPending}
                onChange={(event) => moving.mutate({ id, unit: event.currentTarget.value || null })}
                data={[{ value: '', label: tp('none') }, ...units.map(({ id, name }) => ({ value: id, label: name }))]}
              />
            ))}
          </div>
        </Panel>
      )}
      {naming && (
        <Naming unit={naming === 'new' ? undefined : naming} onClose={() => setNaming(undefined)} onDone={keep} />
      )}
    </Answered>
  );
}

function Naming({ unit, onClose, onDone }: { unit?: Unit; onClose: () => void; onDone: (units: Units) => void }) {
  const t = useTexts(peopleTexts);
  const [name, setName] = useState(unit?.name ?? '');
  const doing = useMutation({
    mutationFn: () => (unit ? renameUnit(unit.id, name) : addUnit(name)),
    onSuccess: (units) => {
      onDone(units);
      onClose();
    },
  });
  return (
    <FormDialog
      title={unit ? unit.name : t('unit_add')}
      width={480}
      doing={doing}
      why={(refusal) => <Why refusal={refusal} />}
      onSubmit={() => doing.mutate()}
      onClose={onClose}
    >
      <TextInput
        label={t('unit_name')}
        value={name}
        maxLength={120}
        required
        onChange={(event) => setName(event.currentTarget.value)}
      />
    </FormDialog>
  );
}
