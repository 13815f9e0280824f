// A dialog on the platform's own `<dialog>`: focus trap, Escape and the inert page behind come from the browser.
import { type ReactNode, useEffect, useId, useRef } from 'react';
import { commonTexts } from '../i18n/common';
import { useTexts } from '../i18n/use-texts';
import styles from './dialog.module.css';
import { Icon } from './icon';

type Props = {
  opened: boolean;
  onClose: () => void;
  title: string;
  children: ReactNode;
  width?: number;
};

export function Dialog({ opened, onClose, title, children, width = 460 }: Props) {
  const t = useTexts(commonTexts);
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const dialog = element.current;
    if (!dialog) return;
    if (opened && !dialog.open) dialog.showModal();
    if (!opened && dialog.open) dialog.close();
  }, [opened]);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keyboard closes it with Escape, as the platform does
    <dialog
      ref={element}
      className={styles.dialog}
      style={{ maxWidth: width }}
      aria-labelledby={titleId}
      onClose={onClose}
      onClick={(event) => {
        // A click on the backdrop lands on the dialog itself.
        if (event.target === event.currentTarget) onClose();
      }}
    >
      {opened && (
        <div className={styles.inner}>
          <header className={styles.head}>
            <h2 id={titleId} className={styles.title}>
              {title}
            </h2>
            <button type="button" className={styles.close} aria-label={t('close')} onClick={onClose}>
              <Icon name="close" />
            </button>
          </header>
          {children}
        </div>
      )}
    </dialog>
  );
}
