// What is asked right after a lesson. The room shows it and does not know what it is: `app` says.
import { type ComponentType, Suspense } from 'react';

type Asks = ComponentType<{ consultation: string }>;
let asks: Asks | undefined;

export function askAfterLesson(component: Asks): void {
  asks = component;
}

export function AfterLesson({ consultation }: { consultation: string }) {
  const Component = asks;
  return <Suspense>{Component && <Component consultation={consultation} />}</Suspense>;
}
