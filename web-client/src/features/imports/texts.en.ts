import type { Translation } from '../../shared/i18n/texts';
import type russian from './texts.ru';

export default {
  title: 'Import and export',
  cards: 'Lesson cards',
  cards_note:
    'An Excel file (XLSX) or CSV. The file is checked first and you see what changes. Nothing is kept until you confirm.',
  roster: 'People and classes',
  roster_note:
    'A OneRoster 1.2 archive (zip of CSV files): students, teachers, parents, classes, groups. All of it or changes.',
  file: 'File',
  check: 'Check',
  checking: 'Checking…',
  apply: 'Import',
  applied: 'Imported',
  download_cards_xlsx: 'Download cards as Excel',
  download_cards_csv: 'Download cards as CSV',
  download_roster: 'Download a OneRoster archive',
  rejected: {
    one: '{count} mistake in the file. Nothing was changed.',
    other: '{count} mistakes in the file. Nothing was changed.',
  },
  rejected_help: 'Mend these cells in the file and choose it again.',
  in_file: 'File in the archive',
  line: 'Line',
  column: 'Column',
  mistake: 'What to mend',
  warnings: 'Remarks that do not hinder',
  changes: 'What changes',
  nothing: 'The file is there already: nothing to change.',
  sum_cards:
    'Lines: {rows}. New cards: {created}, changed: {updated}, unchanged: {unchanged}. Consultations: {consultations}.',
  sum_people: 'People in the file: {people}. New: {created}, changed: {updated}, left: {left}.',
  sum_places: 'New classes: {classes}, groups: {groups}, subjects: {subjects}. Enrolled: {made}, ended: {ended}.',
  sum_rights:
    'Roles given: {given}, taken: {taken}. Guardian links proposed: {links} (the homeroom teacher confirms them).',
  delta: 'The archive holds changes only',
  bulk: 'The archive holds everybody: who is missing has left',
  key: 'Key',
  what: 'What',
  what_new: 'new',
  what_changed: 'changed',
  what_created: 'new',
  what_updated: 'changed',
  what_left: 'left',
  name: 'Name',
  topic: 'Topic',
  before: 'Before',
  after: 'After',
  consultations: 'Consultations',
} satisfies Translation<typeof russian>;
