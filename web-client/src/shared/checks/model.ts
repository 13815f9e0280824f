// What a check of devices and line found, and what of it a teacher should know before the lesson.
import type { Form } from '../wire.gen';

export type Device = 'works' | 'silent' | 'denied' | 'missing' | 'busy' | 'failed';
export type Way = 'udp' | 'tcp' | 'relay' | 'none';

/** As the hub keeps it; what was not tried is not there. */
export type Findings = {
  camera?: Device;
  microphone?: Device;
  speaker?: Device;
  way?: Way;
  relay?: Device;
  up_kbps?: number;
  down_kbps?: number;
};

export type Check = { at: string; findings: Findings };
export type OwnCheck = { last?: Check; ice_servers: RTCIceServer[] };
export type Invited = { id: string; display_name: string; is_guardian: boolean; check?: Check };

/** One small picture and a voice need this much; below it the camera had better stay off (kbit/s). */
const SLOW_UP_KBPS = 250;
const SLOW_DOWN_KBPS = 500;

const PARTS = ['camera', 'microphone', 'speaker'] as const;
type Part = (typeof PARTS)[number];

export type Trouble = `${Part}_${Exclude<Device, 'works'>}` | `way_${Exclude<Way, 'udp'>}` | 'slow';

export function troublesOf(findings: Findings): Trouble[] {
  const troubles: Trouble[] = [];
  for (const part of PARTS) {
    const found = findings[part];
    if (found && found !== 'works') troubles.push(`${part}_${found}`);
  }
  if (findings.way && findings.way !== 'udp') troubles.push(`way_${findings.way}`);
  const { up_kbps: up = SLOW_UP_KBPS, down_kbps: down = SLOW_DOWN_KBPS } = findings;
  if (up < SLOW_UP_KBPS || down < SLOW_DOWN_KBPS) troubles.push('slow');
  return troubles;
}

/** What the form needs of a recipient and nobody has tried. */
export function untriedOf(findings: Findings, form: Form): ('camera' | 'microphone')[] {
  if (form === 'webinar' || form === 'chat') return [];
  return (['microphone', 'camera'] as const).filter((part) => findings[part] === undefined);
}

/** `unchecked`: they made no check; `partly`: nothing is wrong, but not all was tried. */
export type Standing = 'unchecked' | 'fine' | 'partly' | 'trouble';

export function standingOf(check: Check | undefined, form: Form): Standing {
  if (!check) return 'unchecked';
  if (troublesOf(check.findings).length > 0) return 'trouble';
  return untriedOf(check.findings, form).length > 0 ? 'partly' : 'fine';
}
