import type { Translation } from '../../shared/i18n/texts';
import type russian from './texts.ru';

const english: Translation<typeof russian> = {
  picture: 'Video of the consultation',
  connecting: 'Connecting the screen…',
  not_started: 'The consultation has not begun',
  not_started_help: 'The screen connects by itself as soon as it opens.',
  host_absent: 'Waiting for the teacher',
  host_absent_help: 'The video appears when the teacher enters the room.',
  nobody: 'Nobody shows a video yet',
  nobody_help: 'Sound is on already. The picture appears by itself.',
  reconnecting: 'The connection broke. Bringing the picture back…',
  ended: 'The consultation is over',
  ended_help: 'You can switch the screen off.',
  refused: 'This consultation cannot be shown',
  sound: 'Switch the sound on',
  sound_help: 'The browser waits for a click before it plays sound.',
  full: 'Full screen',
  window: 'Leave full screen',
  starts: 'starts at {time}',
};

export default english;
