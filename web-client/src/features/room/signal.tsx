// How well somebody's line carries: three bars with words, so that colour is never the only sign.
import { useTexts } from '../../shared/i18n/use-texts';
import type { SignalLevel } from '../../shared/wire.gen';
import styles from './signal.module.css';
import { roomTexts } from './texts';

const BARS: Record<SignalLevel, number> = { poor: 1, fair: 2, good: 3 };

export function Signal({ level, size = 16 }: { level: SignalLevel; size?: number }) {
  const t = useTexts(roomTexts);
  const words = t(`signal_${level}`);
  return (
    <span className={styles.signal} data-level={level} role="img" aria-label={words} title={words}>
      <svg width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
        {[0, 1, 2].map((n) => (
          <rect
            key={n}
            x={1 + n * 5}
            y={10 - n * 4}
            width="4"
            height={5 + n * 4}
            rx="1"
            data-on={n < BARS[level] || undefined}
          />
        ))}
      </svg>
    </span>
  );
}
