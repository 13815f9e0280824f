import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useTexts } from '../../shared/i18n/use-texts';
import { besideOf, type Item, phaseOf } from './model';
import { timetableTexts } from './texts';

/** One click to the consultation; nothing while it cannot be joined. */
export function JoinButton({ item, now, ward, size = 'md' }: { item: Item; now: number; ward: string; size?: string }) {
  const t = useTexts(timetableTexts);
  // `none`: shown to a parent, but held for the children only.
  if (phaseOf(item, now) !== 'joinable' || item.role === 'none') return null;
  const label =
    item.form === 'chat' ? t('join_chat') : item.role === 'host' && item.state === 'open' ? t('join_host') : t('join');
  const beside = besideOf(item, ward);
  return (
    <Button
      component={Link}
      to="/room/$room"
      params={{ room: item.room } as never}
      search={(beside ? { beside } : {}) as never}
      size={size}
      aria-label={t('join_what', { join: label, title: item.title })}
    >
      {label}
    </Button>
  );
}
