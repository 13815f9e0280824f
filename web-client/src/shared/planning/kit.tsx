// What the pages of planning share: their head, their states, a finding in words, and the dialogs that ask for a reason.
import { Button, Skeleton, Textarea, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { isErrorCode, type Refusal, refusalOf } from '../errors';
import { useTexts } from '../i18n/use-texts';
import { useMe } from '../me';
import { Dialog } from '../ui/dialog';
import { Icon, type IconName } from '../ui/icon';
import { RefusalAlert, useRefusalWords } from '../ui/refusal';
import { useTitle } from '../ui/use-title';
import { type Finding, grantOrder } from './api';
import { useExplain } from './explain';
import styles from './kit.module.css';
import { planningTexts } from './texts';

export { styles };

export function PageHead({ title, lead, children }: { title: string; lead?: string; children?: ReactNode }) {
  useTitle(title);
  return (
    <>
      <div className={styles.top}>
        <h1 className={styles.heading}>{title}</h1>
        {children && <div className={styles.tools}>{children}</div>}
      </div>
      {lead && <p className={styles.lead}>{lead}</p>}
    </>
  );
}

export function Panel({ title, tools, children }: { title?: ReactNode; tools?: ReactNode; children: ReactNode }) {
  return (
    <section className={styles.panel}>
      {(title || tools) && (
        <div className={styles.panelHead}>
          {title && <h2 className={styles.panelTitle}>{title}</h2>}
          {tools}
        </div>
      )}
      {children}
    </section>
  );
}

type QueryLike = { isPending: boolean; isError: boolean; error: unknown };

/** Waiting and failing look the same on every page. */
export function Answered({ query, children }: { query: QueryLike; children: ReactNode }) {
  if (query.isError) return <RefusalAlert refusal={refusalOf(query.error)} />;
  if (query.isPending) {
    return (
      <div aria-hidden="true">
        <Skeleton height={64} radius="lg" mb={12} />
        <Skeleton height={64} radius="lg" mb={12} />
        <Skeleton height={64} radius="lg" />
      </div>
    );
  }
  return children;
}

export function Empty({ title, text, icon = 'calendar' }: { title: string; text?: string; icon?: IconName }) {
  return (
    <div className={styles.empty}>
      <Icon name={icon} size={28} />
      <div>
        <p className={styles.emptyTitle}>{title}</p>
        {text && <p>{text}</p>}
      </div>
    </div>
  );
}

/** May the person do this at all? What about, the hub says. */
export function useMay(action: string): boolean {
  return useMe()?.actions.includes(action) ?? false;
}

export function FindingView({ finding, onOrder }: { finding: Finding; onOrder?: () => void }) {
  const t = useTexts(planningTexts);
  const words = useRefusalWords();
  const explain = useExplain();
  const mayOverride = useMay('override.grant');
  return (
    <div className={styles.why}>
      <span className={styles.whyTitle} data-remark={!finding.refused || undefined}>
        {isErrorCode(finding.code) ? words(finding.code).title : finding.code}
      </span>
      {!finding.refused && <span className={styles.badge}>{t('remark')}</span>}
      {finding.refused && finding.overridable && onOrder && mayOverride && (
        <Button size="compact-sm" variant="light" onClick={onOrder}>
          {t('order_give')}
        </Button>
      )}
      {explain(finding).map((line) => (
        <p key={line} className={styles.whyText}>
          {line}
        </p>
      ))}
      {finding.refused && finding.overridable && !mayOverride && (
        <p className={styles.whyText}>{t('order_possible')}</p>
      )}
    </div>
  );
}

/** A refusal of a change, with its numbers. */
export function Refused({ refusal }: { refusal: Refusal | undefined }) {
  const explain = useExplain();
  if (!refusal) return null;
  const lines = explain({ code: refusal.code, params: refusal.params ?? {} });
  return (
    <div role="alert">
      <RefusalAlert refusal={refusal} />
      {lines.map((line) => (
        <p key={line} className={styles.whyText}>
          {line}
        </p>
      ))}
    </div>
  );
}

type FormProps = {
  /** Open unless told otherwise. */
  opened?: boolean;
  onClose: () => void;
  title: string;
  width?: number;
  /** What is going on: it waits and fails on the form. */
  doing: { isPending: boolean; isError: boolean; error: unknown };
  onSubmit: () => void;
  /** «Сохранить» without it. */
  action?: string;
  danger?: boolean;
  disabled?: boolean;
  /** A refusal in words of the page's own. */
  why?: (refusal: Refusal) => ReactNode;
  children: ReactNode;
};

/** A form in a dialog: its fields, what refused it, and the two ways out. */
export function FormDialog({ opened = true, onClose, title, width, doing, onSubmit, children, ...rest }: FormProps) {
  const t = useTexts(planningTexts);
  const { action = t('save'), danger, disabled, why = (refusal) => <Refused refusal={refusal} /> } = rest;
  return (
    <Dialog opened={opened} onClose={onClose} title={title} width={width}>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          onSubmit();
        }}
      >
        {children}
        {doing.isError && why(refusalOf(doing.error))}
        <div className={styles.actions}>
          <Button type="submit" color={danger ? 'red.8' : undefined} loading={doing.isPending} disabled={disabled}>
            {action}
          </Button>
          <Button variant="default" onClick={onClose}>
            {t('cancel')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

type ReasonProps = {
  opened: boolean;
  onClose: () => void;
  title: string;
  action: string;
  danger?: boolean;
  /** Done when it resolves; what it throws is shown. */
  onDone: (reason: string) => Promise<unknown>;
  children?: ReactNode;
};

/** Asks for a reason and does it. */
export function ReasonDialog({ opened, onClose, title, action, danger, onDone, children }: ReasonProps) {
  const t = useTexts(planningTexts);
  const [reason, setReason] = useState('');
  const doing = useMutation({ mutationFn: () => onDone(reason), onSuccess: () => close() });
  const close = () => {
    setReason('');
    doing.reset();
    onClose();
  };
  return (
    <FormDialog
      {...{ opened, title, action, danger, doing }}
      width={520}
      onClose={close}
      onSubmit={() => doing.mutate()}
    >
      {children}
      <Textarea
        label={t('reason')}
        description={t('reason_help')}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        maxLength={500}
        autosize={false}
        rows={3}
        required
      />
    </FormDialog>
  );
}

export type OrderFor = { consultation: string; code: string; host: string };

/** An order that lifts one refusal of one consultation. */
export function OrderDialog({ order, onClose, onDone }: { order?: OrderFor; onClose: () => void; onDone: () => void }) {
  const t = useTexts(planningTexts);
  const words = useRefusalWords();
  const [number, setNumber] = useState('');
  return (
    <ReasonDialog
      opened={order !== undefined}
      onClose={onClose}
      title={t('order_title')}
      action={t('order_give')}
      onDone={async (reason) => {
        if (order) await grantOrder({ ...order, order_no: number, reason });
        setNumber('');
        onDone();
      }}
    >
      {order && isErrorCode(order.code) && <p className={styles.soft}>{words(order.code).title}</p>}
      <p className={styles.soft}>{t('order_help')}</p>
      <TextInput
        label={t('order_no')}
        value={number}
        onChange={(event) => setNumber(event.currentTarget.value)}
        maxLength={60}
        required
      />
    </ReasonDialog>
  );
}
