// Closing a consultation at once, a technical fault or an emergency, with a reason that everybody sees; and why one was
// closed, on its last page. One chunk: few ever need it.
import { Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import type { Consultation } from '../../../shared/api';
import { refusalOf } from '../../../shared/errors';
import { useTexts } from '../../../shared/i18n/use-texts';
import { request } from '../../../shared/net/http';
import { Dialog } from '../../../shared/ui/dialog';
import { Notice } from '../../../shared/ui/notice';
import { RefusalAlert } from '../../../shared/ui/refusal';
import sheet from '../../../shared/ui/sheet.module.css';
import { closingTexts } from './texts';

type CloseProps = { consultation: string; isHost: boolean; onDone: () => void };

/** A technical fault is for the host to tell; the school's people close in an emergency. */
export function CloseForm({ consultation, isHost, onDone }: CloseProps) {
  const t = useTexts(closingTexts);
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button variant="light" color="red" size="md" onClick={() => setOpen(true)}>
        {t('open')}
      </Button>
      <Dialog opened={isOpen} onClose={() => setOpen(false)} title={t('title')}>
        <Form consultation={consultation} isHost={isHost} onBack={() => setOpen(false)} onDone={onDone} />
      </Dialog>
    </>
  );
}

function Form(props: CloseProps & { onBack: () => void }) {
  const t = useTexts(closingTexts);
  const client = useQueryClient();
  const id = useId();
  const [kind, setKind] = useState<'fault' | 'emergency'>(props.isHost ? 'fault' : 'emergency');
  const [reason, setReason] = useState('');
  const close = useMutation({
    mutationFn: () => request('POST', `/api/v1/consultations/${props.consultation}/close`, { kind, reason }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['timetable'] });
      props.onDone();
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        close.mutate();
      }}
    >
      <p className={sheet.soft}>{t('note')}</p>
      {props.isHost && (
        <label className={sheet.field}>
          {t('kind')}
          <select value={kind} onChange={(event) => setKind(event.target.value as 'fault' | 'emergency')}>
            <option value="fault">{t('kind_fault')}</option>
            <option value="emergency">{t('kind_emergency')}</option>
          </select>
        </label>
      )}
      <label className={sheet.field}>
        {t('reason')}
        <textarea
          value={reason}
          maxLength={500}
          rows={3}
          required
          aria-describedby={id}
          onChange={(event) => setReason(event.target.value)}
        />
      </label>
      <p id={id} className={sheet.soft} style={{ marginTop: 6 }}>
        {t('reason_help')}
      </p>
      {close.isError && <RefusalAlert refusal={refusalOf(close.error)} />}
      <div className={sheet.row}>
        <Button type="submit" color="red" loading={close.isPending} disabled={reason.trim() === ''}>
          {t('send')}
        </Button>
        <Button variant="default" onClick={props.onBack}>
          {t('back')}
        </Button>
      </div>
    </form>
  );
}

/** Nothing is shown when nobody declared anything: then the line broke, and one may come back. */
export function WhyClosed({ consultation }: { consultation: string }) {
  const t = useTexts(closingTexts);
  const query = useQuery({
    queryKey: ['consultation', consultation, 'closed'],
    queryFn: () => request<Consultation>('GET', `/api/v1/consultations/${consultation}`),
    retry: false,
  });
  const incident = query.data?.incident;
  if (incident !== 'fault' && incident !== 'emergency') return null;
  return (
    <Notice tone="error" title={t(`incident_${incident}`)}>
      <p>{query.data?.close_reason}</p>
    </Notice>
  );
}
