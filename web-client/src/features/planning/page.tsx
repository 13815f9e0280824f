// Load planned against actual, substitutes and moves, contracts, orders: one section at a time, which is in the address.
import { SegmentedControl, Skeleton } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useRef } from 'react';
import { useTexts } from '../../shared/i18n/use-texts';
import { PageHead, useMay } from '../../shared/planning/kit';
import { Changes } from './changes';
import { Contracts } from './contracts';
import { Load } from './load';
import { Orders } from './orders';
import { loadTexts } from './texts';

const Rules = lazy(() => import('./rules'));

const TABS = ['load', 'changes', 'contracts', 'orders', 'rules'] as const;
type Tab = (typeof TABS)[number];

export default function PlanningPage() {
  const t = useTexts(loadTexts);
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as { tab?: unknown };
  const mayOrder = useMay('override.grant');
  const tabs = TABS.filter((tab) => tab !== 'orders' || mayOrder);
  const tab = tabs.find((one) => one === search.tab) ?? 'load';
  const strip = useRef<HTMLDivElement>(null);
  // On a phone the strip is wider than the page: whoever comes by a link sees where they are.
  // biome-ignore lint/correctness/useExhaustiveDependencies: it looks for what is checked now.
  useEffect(() => {
    const label = strip.current?.querySelector('input:checked + label');
    label?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [tab]);
  return (
    <>
      <PageHead title={t('title')} />
      <div ref={strip} style={{ overflowX: 'auto', marginBottom: 16 }}>
        <SegmentedControl
          aria-label={t('view')}
          value={tab}
          onChange={(value) =>
            void navigate({ to: '/planning' as '/', search: { tab: value as Tab } as never, replace: true })
          }
          data={tabs.map((value) => ({ value, label: t(`tab_${value}`) }))}
        />
      </div>
      {tab === 'load' && <Load />}
      {tab === 'changes' && <Changes />}
      {tab === 'contracts' && <Contracts />}
      {tab === 'orders' && <Orders />}
      {tab === 'rules' && (
        <Suspense fallback={<Skeleton height={64} radius="lg" />}>
          <Rules />
        </Suspense>
      )}
    </>
  );
}
