// Contracts: the share of hours, working time, absences.
import { Button, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { serverNow } from '../../shared/clock';
import { addDays, mondayOf } from '../../shared/dates';
import { dayKey, formatDate } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import {
  addAbsence,
  type Contract,
  dropAbsence,
  fetchContracts,
  fetchLoad,
  putContract,
} from '../../shared/planning/api';
import { noonOf } from '../../shared/planning/explain';
import { Answered, Empty, FormDialog, Panel, styles, useMay } from '../../shared/planning/kit';
import { planningTexts } from '../../shared/planning/texts';
import { loadTexts } from './texts';
import { parseWindows, printWindows } from './windows';

const KINDS = ['sick', 'leave', 'trip', 'other'] as const;
type Kind = (typeof KINDS)[number];
const isKind = (kind: string): kind is Kind => (KINDS as readonly string[]).includes(kind);

export function Contracts() {
  const t = useTexts(loadTexts);
  const tp = useTexts(planningTexts);
  const locale = useLocale();
  const client = useQueryClient();
  const mayEdit = useMay('user.manage');
  const monday = mondayOf(dayKey(serverNow()));
  const contracts = useQuery({ queryKey: ['contracts'], queryFn: fetchContracts });
  // Names come with the load: the same people.
  const load = useQuery({ queryKey: ['load', monday], queryFn: () => fetchLoad(monday, addDays(monday, 6)) });
  const [edited, setEdited] = useState<Contract>();
  const [absent, setAbsent] = useState<Contract>();
  const name = (person: string) => load.data?.items.find((one) => one.person === person)?.display_name ?? '…';
  const day = (key: string) => formatDate(noonOf(key), locale, 'UTC');
  const weekday = (n: number) => tp(`weekday_${n as 1}`);
  const drop = useMutation({
    mutationFn: dropAbsence,
    onSuccess: () => client.invalidateQueries({ queryKey: ['contracts'] }),
  });
  return (
    <Panel>
      <p className={styles.soft}>{t('contracts_lead')}</p>
      <Answered query={contracts}>
        {contracts.data?.items.length === 0 && <Empty title={t('contracts_empty')} icon="people" />}
        <ul className={styles.list}>
          {contracts.data?.items.map((contract) => (
            <li key={contract.id} className={styles.date}>
              <div className={styles.dateTop}>
                {name(contract.person)}
                <span className={styles.soft}>{contract.position}</span>
                {contract.consultation_hours_week !== undefined && (
                  <span className={styles.badge} data-tone="good">
                    {t('hours_week')}: {contract.consultation_hours_week}
                  </span>
                )}
              </div>
              {contract.windows.length > 0 && (
                <div className={styles.soft}>
                  {t('windows')}: {printWindows(contract.windows, weekday).replaceAll('\n', ', ')}
                </div>
              )}
              {contract.absences.map((absence) => (
                <div key={absence.id} className={styles.soft}>
                  {isKind(absence.kind) && t(`absence_${absence.kind}`)}: {day(absence.from)} – {day(absence.to)}{' '}
                  {mayEdit && (
                    <Button size="compact-xs" variant="subtle" onClick={() => drop.mutate(absence.id)}>
                      {tp('remove')}
                    </Button>
                  )}
                </div>
              ))}
              {mayEdit && (
                <div className={styles.chips} style={{ marginTop: 8 }}>
                  <Button size="compact-sm" variant="default" onClick={() => setEdited(contract)}>
                    {tp('edit')}
                  </Button>
                  <Button size="compact-sm" variant="default" onClick={() => setAbsent(contract)}>
                    {t('absence_add')}
                  </Button>
                </div>
              )}
            </li>
          ))}
        </ul>
      </Answered>
      {edited && <Editing contract={edited} name={name(edited.person)} onClose={() => setEdited(undefined)} />}
      {absent && <Absent contract={absent} name={name(absent.person)} onClose={() => setAbsent(undefined)} />}
    </Panel>
  );
}

type EditProps = { contract: Contract; name: string; onClose: () => void };

function Editing({ contract, name, onClose }: EditProps) {
  const t = useTexts(loadTexts);
  const tp = useTexts(planningTexts);
  const client = useQueryClient();
  const [position, setPosition] = useState(contract.position);
  const [hours, setHours] = useState({
    week: String(contract.consultation_hours_week ?? ''),
    month: String(contract.consultation_hours_month ?? ''),
    year: String(contract.consultation_hours_year ?? ''),
  });
  const [windows, setWindows] = useState(() => printWindows(contract.windows, (n) => tp(`weekday_${n as 1}`)));
  const parsed = parseWindows(windows);
  const number = (text: string) => (text.trim() === '' ? undefined : Number(text.replace(',', '.')));
  const doing = useMutation({
    mutationFn: () =>
      putContract({
        ...contract,
        position,
        consultation_hours_week: number(hours.week),
        consultation_hours_month: number(hours.month),
        consultation_hours_year: number(hours.year),
        windows: 'windows' in parsed ? parsed.windows : contract.windows,
      }),
    onSuccess: () => {
      for (const key of ['contracts', 'load']) void client.invalidateQueries({ queryKey: [key] });
      onClose();
    },
  });
  return (
    <FormDialog
      title={name}
      width={560}
      doing={doing}
      disabled={'line' in parsed}
      onSubmit={() => doing.mutate()}
      onClose={onClose}
    >
      <TextInput
        label={t('position')}
        value={position}
        maxLength={120}
        required
        onChange={(event) => setPosition(event.currentTarget.value)}
      />
      <div className={styles.grid}>
        {(['week', 'month', 'year'] as const).map((period) => (
          <TextInput
            key={period}
            label={t(`hours_${period}`)}
            inputMode="decimal"
            value={hours[period]}
            onChange={(event) => setHours({ ...hours, [period]: event.currentTarget.value })}
          />
        ))}
      </div>
      <Textarea
        label={t('windows')}
        description={t('windows_help')}
        rows={3}
        value={windows}
        error={'line' in parsed ? t('windows_wrong', { line: parsed.line }) : undefined}
        onChange={(event) => setWindows(event.currentTarget.value)}
      />
    </FormDialog>
  );
}

function Absent({ contract, name, onClose }: EditProps) {
  const t = useTexts(loadTexts);
  const tp = useTexts(planningTexts);
  const client = useQueryClient();
  const today = dayKey(serverNow());
  const [from, setFrom] = useState(today);
  const [to, setTo] = useState(today);
  const [kind, setKind] = useState<string>('sick');
  const doing = useMutation({
    mutationFn: () => addAbsence({ person: contract.person, from, to, kind }),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['contracts'] });
      onClose();
    },
  });
  return (
    <FormDialog title={`${t('absence_add')}: ${name}`} doing={doing} onSubmit={() => doing.mutate()} onClose={onClose}>
      <NativeSelect
        label={t('absence_kind')}
        value={kind}
        onChange={(event) => setKind(event.currentTarget.value)}
        data={KINDS.map((value) => ({ value, label: t(`absence_${value}`) }))}
      />
      <div className={styles.grid}>
        <TextInput
          type="date"
          label={tp('from')}
          value={from}
          required
          onChange={(event) => setFrom(event.currentTarget.value)}
        />
        <TextInput
          type="date"
          label={tp('to')}
          value={to}
          min={from}
          required
          onChange={(event) => setTo(event.currentTarget.value)}
        />
      </div>
    </FormDialog>
  );
}
