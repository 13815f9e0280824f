// Files in and out: lesson cards and the roster.
import { type ErrorCode, isErrorCode, KafedraError } from '../../shared/errors';

export type CellNote = { file?: string; line: number; column: string; code: string; text: string };
export type CardsReport = {
  dry_run: boolean;
  rows: number;
  created: number;
  updated: number;
  unchanged: number;
  consultations: number;
  warnings: CellNote[];
  changes: {
    line: number;
    key: string;
    is_new: boolean;
    title: string;
    consultations: number;
    cells: { column: string; before: string; after: string }[];
  }[];
};
/** Of people, of units, and of who leads or works in them. */
export type RosterChange =
  | 'created'
  | 'updated'
  | 'left'
  | 'unit_created'
  | 'unit_renamed'
  | 'unit_removed'
  | 'unit_kept'
  | 'head'
  | 'head_no_more'
  | 'moved';

export type RosterReport = {
  dry_run: boolean;
  is_delta: boolean;
  people: number;
  people_created: number;
  people_updated: number;
  people_left: number;
  classes_created: number;
  groups_created: number;
  subjects_created: number;
  units_created: number;
  units_renamed: number;
  units_removed: number;
  people_moved: number;
  roles_given: number;
  roles_taken: number;
  enrollments_made: number;
  enrollments_ended: number;
  links_proposed: number;
  examples: { what: RosterChange; code: string; name: string; before?: string }[];
};

/** A file that was refused, with its mistakes by cell. */
export class Rejected extends Error {
  constructor(
    readonly count: number,
    readonly errors: CellNote[],
  ) {
    super('import_rejected');
  }
}

export type AscReport = {
  dry_run: boolean;
  bells: number;
  bells_changed: boolean;
  lessons: number;
  lessons_before: number;
  unknown_teachers: string[];
  unknown_classes: string[];
  unknown_subjects: string[];
  colliding_dates: number;
  colliding_new: number;
  collisions: {
    consultation: string;
    date: string;
    start: string;
    title: string;
    class?: string;
    host: string;
    busy: 'host' | 'group';
    lesson: { starts: string; ends: string; class: string; subject: string };
    is_new: boolean;
  }[];
};

const PATHS = {
  cards: '/api/v1/lesson-cards/import',
  roster: '/api/v1/roster/import',
  asc: '/api/v1/timetable/import',
} as const;
export type What = keyof typeof PATHS;

async function send<T>(what: What, file: File, dryRun: boolean): Promise<T> {
  const form = new FormData();
  form.append('file', file);
  let response: Response;
  try {
    response = await fetch(`${PATHS[what]}?dry_run=${dryRun}`, {
      method: 'POST',
      body: form,
      credentials: 'same-origin',
    });
  } catch (cause) {
    throw new KafedraError({ code: 'offline' }, { cause });
  }
  if (response.ok) return (await response.json()) as T;
  const problem = (await response.json().catch(() => ({}))) as {
    code?: string;
    errors?: CellNote[];
    params?: { rows?: number };
  };
  if (problem.code === 'import_rejected') {
    throw new Rejected(problem.params?.rows ?? problem.errors?.length ?? 0, problem.errors ?? []);
  }
  const code: ErrorCode = isErrorCode(problem.code) ? problem.code : 'internal';
  throw new KafedraError({ code });
}

export const sendCards = (file: File, dryRun: boolean) => send<CardsReport>('cards', file, dryRun);
export const sendRoster = (file: File, dryRun: boolean) => send<RosterReport>('roster', file, dryRun);
export const sendAsc = (file: File, dryRun: boolean) => send<AscReport>('asc', file, dryRun);
