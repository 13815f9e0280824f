// A dialog for one dated row: its fields as a list, so that acts, norms and hours are written down alike.
import { Textarea, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { FormDialog, styles } from '../../shared/planning/kit';
import { withoutEmpty } from './rules-model';

export type Field = {
  name: string;
  label: string;
  type?: 'text' | 'date' | 'time' | 'number' | 'long';
  required?: boolean;
  max?: number;
  /** Over the whole width. */
  wide?: boolean;
  initial?: string;
};

type Props = {
  title: string;
  fields: readonly Field[];
  /** «Сохранить» without it. */
  action?: string;
  doing: { isPending: boolean; isError: boolean; error: unknown };
  onClose: () => void;
  onSave: (values: Record<string, string>) => void;
  /** What a row of fields cannot say. */
  children?: ReactNode;
};

export function RowDialog({ title, fields, action, doing, onClose, onSave, children }: Props): ReactNode {
  const [values, setValues] = useState<Record<string, string>>(() =>
    Object.fromEntries(fields.map((field) => [field.name, field.initial ?? ''])),
  );
  return (
    <FormDialog {...{ title, action, doing, onClose }} width={560} onSubmit={() => onSave(withoutEmpty(values))}>
      <div className={styles.grid}>
        {fields.map(({ name, label, type = 'text', required, max, wide }) =>
          type === 'long' ? (
            <Textarea
              key={name}
              className={styles.wide}
              label={label}
              required={required}
              rows={8}
              maxLength={max}
              value={values[name] ?? ''}
              onChange={(event) => setValues({ ...values, [name]: event.currentTarget.value })}
            />
          ) : (
            <TextInput
              key={name}
              className={wide ? styles.wide : undefined}
              type={type}
              label={label}
              required={required}
              min={type === 'number' ? 1 : undefined}
              max={type === 'number' ? max : undefined}
              maxLength={type === 'text' ? 200 : undefined}
              value={values[name] ?? ''}
              onChange={(event) => setValues({ ...values, [name]: event.currentTarget.value })}
            />
          ),
        )}
      </div>
      {children}
    </FormDialog>
  );
}
