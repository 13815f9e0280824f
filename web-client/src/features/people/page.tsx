// The school's people, their roles and accounts, and its units: one section at a time, which is in the address.
import { SegmentedControl } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useTexts } from '../../shared/i18n/use-texts';
import { PageHead } from '../../shared/planning/kit';
import { People } from './people';
import { peopleTexts } from './texts';
import { UnitsSection } from './units';

const TABS = ['people', 'units'] as const;
type Tab = (typeof TABS)[number];

export default function PeoplePage() {
  const t = useTexts(peopleTexts);
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as { tab?: unknown };
  const tab = TABS.find((one) => one === search.tab) ?? 'people';
  return (
    <>
      <PageHead title={t('title')} />
      <SegmentedControl
        aria-label={t('view')}
        mb={16}
        value={tab}
        onChange={(value) =>
          void navigate({ to: '/people' as '/', search: { tab: value as Tab } as never, replace: true })
        }
        data={TABS.map((value) => ({ value, label: t(`tab_${value}`) }))}
      />
      {tab === 'people' ? <People /> : <UnitsSection />}
    </>
  );
}
