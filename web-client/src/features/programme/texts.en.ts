import type { Translation } from '../../shared/i18n/texts';
import type russian from './texts.ru';

const english: Translation<typeof russian> = {
  title: 'Programmes',
  lead: 'A programme has parts. Once a part is completed, its assessment can be prepared for.',
  empty: 'No programmes yet',
  empty_help: 'They come with lesson cards, by subject and class.',
  subject: 'Subject',
  grade: 'Grade {grade}',
  part: 'Part',
  term: 'By the plan',
  status: 'State',
  topics: { one: '{count} topic', other: '{count} topics' },
  done: 'Completed on {date}',
  done_by: 'Completed on {date}, {name}',
  running: 'Running',
  ahead: 'Ahead',
  overdue: 'Overdue',
  complete: 'Complete the part',
  complete_title: 'Complete “{title}”',
  complete_help: 'From that day its assessment can be prepared for, and current help with it ends.',
  complete_on: 'Day of completion',
  reopen: 'Open again',
  add_part: 'Add a part',
  part_title: 'Title of the part',
  part_topics: 'Topics',
  part_topics_help: 'One a line, in the order in which they are taught.',
};

export default english;
