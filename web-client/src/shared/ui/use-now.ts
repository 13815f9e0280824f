import { useEffect, useState } from 'react';
import { serverNow } from '../clock';

/** The hub's time, read again at every whole `stepMs` of it. */
export function useNow(stepMs = 1000): number {
  const [now, setNow] = useState(serverNow);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const tick = () => {
      setNow(serverNow());
      timer = setTimeout(tick, stepMs - (serverNow() % stepMs));
    };
    timer = setTimeout(tick, stepMs - (serverNow() % stepMs));
    return () => clearTimeout(timer);
  }, [stepMs]);
  return now;
}
