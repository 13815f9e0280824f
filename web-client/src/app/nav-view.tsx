// The links of the frame: a column beside the page, or a dialog behind a button where there is no room for it.
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useTexts } from '../shared/i18n/use-texts';
import { Dialog } from '../shared/ui/dialog';
import { Icon } from '../shared/ui/icon';
import { GROUPS, type NavLink } from './nav';
import styles from './nav.module.css';
import { shellTexts } from './texts';

type Props = { links: NavLink[] };

export function SideNav({ links }: Props) {
  const t = useTexts(shellTexts);
  return (
    <nav className={styles.side} aria-label={t('nav')}>
      <Groups links={links} />
    </nav>
  );
}

export function NavButton({ links }: Props) {
  const t = useTexts(shellTexts);
  const [opened, setOpened] = useState(false);
  return (
    <>
      <button
        type="button"
        className={styles.button}
        aria-label={t('nav')}
        aria-haspopup="dialog"
        onClick={() => setOpened(true)}
      >
        <Icon name="menu" />
      </button>
      <Dialog opened={opened} onClose={() => setOpened(false)} title={t('nav')} width={360}>
        <nav aria-label={t('nav')}>
          <Groups links={links} onLeave={() => setOpened(false)} />
        </nav>
      </Dialog>
    </>
  );
}

function Groups({ links, onLeave }: Props & { onLeave?: () => void }) {
  const t = useTexts(shellTexts);
  return GROUPS.map((group) => {
    const own = links.filter((link) => link.group === group);
    if (own.length === 0) return null;
    return (
      <div key={group} className={styles.group}>
        {group !== 'lessons' && <p className={styles.heading}>{t(`group_${group}`)}</p>}
        <ul className={styles.list}>
          {own.map((link) => (
            <li key={link.to}>
              <Link
                to={link.to as '/'}
                className={styles.link}
                activeOptions={{ exact: link.to === '/', includeSearch: false }}
                onClick={onLeave}
              >
                <Icon name={link.icon} size={18} />
                {t(link.text)}
              </Link>
            </li>
          ))}
        </ul>
      </div>
    );
  });
}
