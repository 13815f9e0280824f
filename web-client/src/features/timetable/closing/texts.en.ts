import type { Translation } from '../../../shared/i18n/texts';
import type russian from './texts.ru';

export default {
  open: 'Close for everybody…',
  title: 'Close the consultation for everybody',
  note: 'Everybody leaves at once, and it cannot go on. It does not count as the host’s absence. Those invited, parents and the deputy head will see the reason.',
  kind: 'What happened',
  kind_fault: 'A technical fault',
  kind_emergency: 'An alarm or a danger',
  reason: 'Reason',
  reason_help: 'Everybody whom the consultation concerns will see it. Do not name children.',
  send: 'Close for everybody',
  back: 'Do not close',
  incident_fault: 'A technical fault was declared',
  incident_emergency: 'The consultation was closed in an emergency',
} satisfies Translation<typeof russian>;
