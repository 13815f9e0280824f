// A framed remark: something went wrong, has to wait, or is good to know.
import type { ReactNode } from 'react';
import { Icon, type IconName } from './icon';
import styles from './notice.module.css';

export type Tone = 'error' | 'wait' | 'info' | 'good';
const ICONS: Record<Tone, IconName> = { error: 'warning', wait: 'clock', info: 'info', good: 'check' };

type Props = { tone: Tone; title?: ReactNode; children?: ReactNode; icon?: IconName; alert?: boolean };

export function Notice({ tone, title, children, icon, alert = false }: Props) {
  return (
    <div className={styles.notice} data-tone={tone} role={alert ? 'alert' : undefined}>
      <Icon name={icon ?? ICONS[tone]} />
      <div className={styles.body}>
        {title && <p className={styles.title}>{title}</p>}
        {children && <div className={styles.text}>{children}</div>}
      </div>
    </div>
  );
}
