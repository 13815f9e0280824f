// A refusal in plain words: what happened, what to do, and when to try again.
import { useEffect, useState } from 'react';
import { CATEGORY, type ErrorCode, type Refusal } from '../errors';
import { commonTexts, errorTexts } from '../i18n/common';
import { formatCountdown } from '../i18n/format';
import { useTexts } from '../i18n/use-texts';
import { Notice, type Tone } from './notice';

export type RefusalWords = { title: string; help: string | undefined };

export function useRefusalWords(): (code: ErrorCode) => RefusalWords {
  const t = useTexts(errorTexts);
  return (code) => {
    const key = `${code}_help`;
    return {
      title: t(code),
      help: key in errorTexts.russian ? t(key as keyof typeof errorTexts.russian) : undefined,
    };
  };
}

/** Seconds left of `retryAfterMs`, counted from when this refusal appeared. */
export function useRetryCountdown(refusal: Refusal | undefined): number {
  const [left, setLeft] = useState(refusal?.retryAfterMs ?? 0);
  useEffect(() => {
    const total = refusal?.retryAfterMs ?? 0;
    const started = performance.now();
    setLeft(total);
    if (total <= 0) return;
    const timer = setInterval(() => {
      const rest = Math.max(0, total - (performance.now() - started));
      setLeft(rest);
      if (rest === 0) clearInterval(timer);
    }, 250);
    return () => clearInterval(timer);
  }, [refusal]);
  return left;
}

export function RefusalAlert({ refusal, tone }: { refusal: Refusal; tone?: Tone }) {
  const words = useRefusalWords()(refusal.code);
  const left = useRetryCountdown(refusal);
  const soft = CATEGORY[refusal.code] === 'time' || CATEGORY[refusal.code] === 'limit';
  return (
    <Notice alert tone={tone ?? (soft ? 'wait' : 'error')} title={words.title}>
      {words.help}
      {left > 0 && <RetryIn ms={left} />}
    </Notice>
  );
}

function RetryIn({ ms }: { ms: number }) {
  const t = useTexts(commonTexts);
  return (
    <div aria-live="off" data-retry>
      {t('retry_in', { time: formatCountdown(ms) })}
    </div>
  );
}
