// Somebody new: names, the code that is also the login, a role, and an account with a first password that is shown once.
import { Button, Checkbox, NativeSelect, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { commonTexts } from '../../shared/i18n/common';
import { useTexts } from '../../shared/i18n/use-texts';
import { FormDialog, styles } from '../../shared/planning/kit';
import { planningTexts } from '../../shared/planning/texts';
import { Dialog } from '../../shared/ui/dialog';
import { addPerson, type Role, type Unit } from './data';
import { Password, Why } from './shown';
import { peopleTexts } from './texts';

type Props = { roles: Role[]; units: Unit[]; onClose: () => void; onDone: () => void };

export function Adding({ roles, units, onClose, onDone }: Props) {
  const t = useTexts(peopleTexts);
  const tc = useTexts(commonTexts);
  const tp = useTexts(planningTexts);
  const [names, setNames] = useState({ code: '', family_name: '', given_name: '', middle_name: '', birth_date: '' });
  const [role, setRole] = useState<Role>(roles.includes('teacher') ? 'teacher' : (roles[0] ?? 'teacher'));
  const [unit, setUnit] = useState('');
  const [account, setAccount] = useState(true);
  const in_unit = role !== 'student' && role !== 'guardian';
  const doing = useMutation({
    mutationFn: () =>
      addPerson({ ...names, birth_date: names.birth_date || null, role, unit: (in_unit && unit) || null, account }),
    onSuccess: ({ password }) => {
      onDone();
      if (!password) onClose();
    },
  });
  const field = (name: keyof typeof names) => ({
    label: t(name),
    value: names[name],
    maxLength: 80,
    onChange: (event: { currentTarget: { value: string } }) =>
      setNames({ ...names, [name]: event.currentTarget.value }),
  });
  if (doing.data?.password) {
    return (
      <Dialog opened onClose={onClose} title={doing.data.person.person.display_name} width={520}>
        <Password code={doing.data.person.person.code} password={doing.data.password} />
        <div className={styles.actions}>
          <Button onClick={onClose}>{t('written')}</Button>
        </div>
      </Dialog>
    );
  }
  return (
    <FormDialog
      title={t('add')}
      width={620}
      action={tp('add')}
      doing={doing}
      why={(refusal) => <Why refusal={refusal} />}
      onSubmit={() => doing.mutate()}
      onClose={onClose}
    >
      <div className={styles.grid}>
        <TextInput {...field('family_name')} required />
        <TextInput {...field('given_name')} required />
        <TextInput {...field('middle_name')} />
        <TextInput {...field('code')} description={t('code_help')} maxLength={40} required />
        <TextInput {...field('birth_date')} type="date" description={t('birth_date_help')} />
        <NativeSelect
          label={t('role')}
          value={role}
          onChange={(event) => setRole(event.currentTarget.value as Role)}
          data={roles.map((value) => ({ value, label: tc(`role_${value}`) }))}
        />
        {in_unit && units.length > 0 && (
          <NativeSelect
            label={t('unit')}
            value={unit}
            required={role === 'unit_head'}
            onChange={(event) => setUnit(event.currentTarget.value)}
            data={[
              { value: '', label: role === 'unit_head' ? t('choose') : tp('none') },
              ...units.map(({ id, name }) => ({ value: id, label: name })),
            ]}
          />
        )}
      </div>
      {role === 'unit_head' && units.length === 0 && <p className={styles.soft}>{t('unit_first')}</p>}
      <Checkbox
        label={t('with_account')}
        description={t('with_account_help')}
        checked={account}
        onChange={(event) => setAccount(event.currentTarget.checked)}
      />
    </FormDialog>
  );
}
