// What is asked or told right after a lesson. The room shows it and does not know what it is: `app` says.
import { type ComponentType, Suspense } from 'react';

type Part = ComponentType<{ consultation: string }>;
let asks: Part | undefined;
let tells: Part | undefined;

/** `why` tells why a lesson broke off. */
export function askAfterLesson(component: Part, why: Part): void {
  asks = component;
  tells = why;
}

export function AfterLesson({ consultation, broke }: { consultation: string; broke: boolean }) {
  const Component = broke ? tells : asks;
  return <Suspense>{Component && <Component consultation={consultation} />}</Suspense>;
}
