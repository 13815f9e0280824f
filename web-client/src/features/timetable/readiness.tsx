// Before a lesson: whether one's own devices and line are checked, and for the host who of those invited is ready. A chunk of
// its own, as it is looked at once.
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import styles from '../../shared/checks/checks.module.css';
import { Found, moment, useFound, useInvited } from '../../shared/checks/found';
import { type OwnCheck, standingOf } from '../../shared/checks/model';
import { checkTexts } from '../../shared/checks/texts';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { request } from '../../shared/net/http';
import { besideOf, type Item } from './model';

export default function Readiness({ item, ward }: { item: Item; ward: string }) {
  return item.role === 'host' ? <OfInvited item={item} /> : <Own item={item} ward={ward} />;
}

function OfInvited({ item }: { item: Item }) {
  const t = useTexts(checkTexts);
  const { data, isError } = useInvited(item.id);
  if (isError) return <p className={styles.soft}>{t('failed')}</p>;
  if (!data) return null;
  const { items } = data;
  const standings = items.map(({ check }) => standingOf(check, item.form));
  const count = (of: (standing: string) => boolean) => standings.filter(of).length;
  return (
    <section className={styles.box} aria-labelledby="ready-title">
      <h3 id="ready-title">{t('host_title')}</h3>
      {items.length === 0 ? (
        <p className={styles.soft}>{t('host_nobody')}</p>
      ) : (
        <>
          <p>
            {t('host_counts', {
              checked: count((one) => one !== 'unchecked'),
              all: items.length,
              trouble: count((one) => one === 'trouble'),
            })}
          </p>
          <p className={styles.soft}>{t('host_lead')}</p>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled list must be reachable by keyboard */}
          <ul className={styles.list} aria-labelledby="ready-title" tabIndex={0}>
            {items.map((one) => (
              <li key={one.id}>
                <span>
                  {one.display_name}
                  {one.is_guardian && ` (${t('guardian')})`}
                </span>
                <Found check={one.check} form={item.form} />
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function Own({ item, ward }: { item: Item; ward: string }) {
  const t = useTexts(checkTexts);
  const locale = useLocale();
  const found = useFound();
  const { data } = useQuery({
    queryKey: ['device-check'],
    queryFn: () => request<OwnCheck>('GET', '/api/v1/device-check'),
    staleTime: 0,
  });
  const beside = besideOf(item, ward);
  return (
    <section className={styles.box} aria-labelledby="ready-title">
      <h3 id="ready-title">{t('own_title')}</h3>
      {data && (
        <p>
          {data.last
            ? t('own_at', { at: moment(data.last, locale), found: found(data.last, item.form) })
            : t('own_none')}
        </p>
      )}
      <Button
        component={Link}
        to="/room/$room"
        params={{ room: item.room } as never}
        search={(beside ? { beside } : {}) as never}
        variant="default"
        size="sm"
      >
        {t('own_open')}
      </Button>
    </section>
  );
}
