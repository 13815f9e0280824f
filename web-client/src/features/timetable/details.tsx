// Everything that the lesson card says about one consultation.
import { lazy, type ReactNode, Suspense } from 'react';
import type { Ward } from '../../shared/api';
import { dayKey } from '../../shared/i18n/format';
import { useTexts } from '../../shared/i18n/use-texts';
import { Dialog } from '../../shared/ui/dialog';
import { FormBadge } from './form-badge';
import { JoinButton } from './join-button';
import { type Item, phaseOf, safeLink, wardNames } from './model';
import { timetableTexts } from './texts';
import styles from './timetable.module.css';
import { useWords } from './words';

// Few ever need it.
const Readiness = lazy(() => import('./readiness'));
const CloseForm = lazy(async () => ({ default: (await import('./closing/closing')).CloseForm }));

/** Who takes part with devices, or waits for those who do. */
const READY: readonly Item['role'][] = ['host', 'recipient', 'guardian'];

type Props = { item: Item | undefined; now: number; ward: string; wards: Ward[]; onClose: () => void };

export function Details({ item, now, ward, wards, onClose }: Props) {
  return (
    <Dialog opened={item !== undefined} onClose={onClose} title={item?.title ?? ''} width={640}>
      {item && <Body item={item} now={now} ward={ward} wards={wards} onClose={onClose} />}
    </Dialog>
  );
}

function Body({ item, now, ward, wards, onClose }: Omit<Props, 'item'> & { item: Item }) {
  const t = useTexts(timetableTexts);
  const { times, schoolTime, dayName, moment, whom } = useWords();
  const names = wardNames(item, wards);
  const audience = [
    item.audience.students && t('audience_students'),
    item.audience.guardians && t('audience_guardians'),
  ].filter(Boolean);
  return (
    <div className={styles.details}>
      <div className={styles.detailsTop}>
        <FormBadge form={item.form} />
        <span className={styles.state} data-state={item.state}>
          {moment(item, now)}
        </span>
      </div>
      <p className={styles.detailsWhen}>
        {dayName(dayKey(item.startMs), dayKey(now))}, {times(item)}
        {schoolTime(item) && ` (${schoolTime(item)})`}
      </p>
      <dl className={styles.facts}>
        <Fact name={t('host')}>{item.host.display_name}</Fact>
        {item.subject && <Fact name={t('subject')}>{item.subject}</Fact>}
        {whom(item) && <Fact name={t('group')}>{whom(item)}</Fact>}
        {audience.length > 0 && <Fact name={t('audience')}>{audience.join(', ')}</Fact>}
        {names.length > 0 && <Fact name={t('children')}>{names.join(', ')}</Fact>}
        {item.parts.length > 0 && <Fact name={t('parts')}>{item.parts.join(', ')}</Fact>}
        {item.topics.length > 0 && (
          <Fact name={t('topics')}>
            <ul className={styles.list}>
              {item.topics.map((topic) => (
                <li key={topic}>{topic}</li>
              ))}
            </ul>
          </Fact>
        )}
        {item.homework && <Fact name={t('homework')}>{item.homework}</Fact>}
        {item.materials.length > 0 && (
          <Fact name={t('materials')}>
            <ul className={styles.list}>
              {item.materials.map((url, n) => {
                const link = safeLink(url);
                return (
                  <li key={url}>
                    {link ? (
                      <a href={link} target="_blank" rel="noopener noreferrer nofollow">
                        {shortLink(link) || t('material', { n: n + 1 })}
                      </a>
                    ) : (
                      url
                    )}
                  </li>
                );
              })}
            </ul>
          </Fact>
        )}
        {item.note && <Fact name={t('note')}>{item.note}</Fact>}
        {item.close_reason && <Fact name={t('close_reason')}>{item.close_reason}</Fact>}
      </dl>
      {item.form !== 'chat' && READY.includes(item.role) && phaseOf(item, now) !== 'over' && (
        <Suspense>
          <Readiness item={item} ward={ward} />
        </Suspense>
      )}
      <div className={styles.cardActions}>
        <JoinButton item={item} now={now} ward={ward} />
        {item.may_close && (
          <Suspense>
            <CloseForm consultation={item.id} isHost={item.role === 'host'} onDone={onClose} />
          </Suspense>
        )}
      </div>
    </div>
  );
}

function shortLink(url: string): string {
  const { host, pathname } = new URL(url);
  return decodeURI(`${host}${pathname === '/' ? '' : pathname}`);
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={styles.fact}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
