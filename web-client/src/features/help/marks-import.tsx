// Marks from a file: a look first, with every mistake by line; then all or nothing.
import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { KafedraError, refusalOf } from '../../shared/errors';
import { Notice } from '../../shared/ui/notice';
import styles from './help.module.css';
import { Field, HELP, Trouble, useHelp } from './parts';

type Cell = { line: number; column: string; text: string };
type Report = {
  dry_run: boolean;
  marks: number;
  students: number;
  created: number;
  updated: number;
  unchanged: number;
  findings: number;
  warnings: Cell[];
  errors?: Cell[];
};

async function send(file: File, dryRun: boolean): Promise<Report> {
  let response: Response;
  try {
    response = await fetch(`/api/v1/marks/import?dry_run=${dryRun}`, {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'content-type': 'text/csv' },
      body: file,
    });
  } catch (cause) {
    throw new KafedraError({ code: 'offline' }, { cause });
  }
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body as Report;
  if (body.code === 'import_rejected') return { ...EMPTY, errors: body.errors as Cell[] };
  throw new KafedraError({ code: body.code ?? 'internal' });
}

const EMPTY: Report = {
  dry_run: true,
  marks: 0,
  students: 0,
  created: 0,
  updated: 0,
  unchanged: 0,
  findings: 0,
  warnings: [],
};

export function MarksImport() {
  const t = useHelp();
  const client = useQueryClient();
  const [file, setFile] = useState<File>();
  const act = useMutation({
    mutationFn: ({ dryRun }: { dryRun: boolean }) => send(file as File, dryRun),
    onSuccess: (report) => {
      if (!report.dry_run) void client.invalidateQueries({ queryKey: HELP });
    },
  });
  const report = act.data;
  const isRefused = report?.errors !== undefined;
  return (
    <div className={styles.form}>
      <p className={styles.text}>{t('import_lead')}</p>
      <Field label={t('import_file')}>
        {(id) => (
          <input
            id={id}
            type="file"
            accept=".csv,text/csv"
            className={styles.input}
            onChange={(event) => {
              setFile(event.target.files?.[0]);
              act.reset();
            }}
          />
        )}
      </Field>
      {act.isError && <Trouble error={new KafedraError(refusalOf(act.error))} />}
      {report && !isRefused && (
        <Notice
          tone={report.dry_run ? 'info' : 'good'}
          title={report.dry_run ? undefined : t('import_done', { findings: report.findings })}
        >
          {t('import_report', report)}
        </Notice>
      )}
      {isRefused && (
        <Notice tone="error" alert title={t('import_errors')}>
          <Lines cells={report?.errors ?? []} />
        </Notice>
      )}
      {report && report.warnings.length > 0 && (
        <Notice tone="wait">
          <Lines cells={report.warnings} />
        </Notice>
      )}
      <div className={styles.actions}>
        <Button variant="light" disabled={!file} loading={act.isPending} onClick={() => act.mutate({ dryRun: true })}>
          {t('import_check')}
        </Button>
        <Button
          disabled={!file || !report?.dry_run || isRefused}
          loading={act.isPending}
          onClick={() => act.mutate({ dryRun: false })}
        >
          {t('import_apply')}
        </Button>
        <Button component="a" variant="default" href="/api/v1/marks/export" download>
          {t('import_download')}
        </Button>
      </div>
    </div>
  );
}

function Lines({ cells }: { cells: Cell[] }) {
  const t = useHelp();
  return (
    <ul className={styles.errors}>
      {cells.slice(0, 100).map((cell) => (
        <li key={`${cell.line} ${cell.column} ${cell.text}`}>{t('import_line', cell)}</li>
      ))}
    </ul>
  );
}
