// A menu button (WAI-ARIA APG pattern): arrows, Home, End, Escape, focus back on the button.
import {
  createContext,
  type KeyboardEvent,
  type ReactNode,
  useContext,
  useEffect,
  useId,
  useRef,
  useState,
} from 'react';
import { Icon, type IconName } from './icon';
import styles from './menu.module.css';

type Props = {
  label: string;
  /** What stands inside the button. */
  button: ReactNode;
  buttonClassName?: string;
  children: ReactNode;
  /** Where the list opens; it is `end`-aligned unless told otherwise. */
  side?: 'below' | 'above';
  align?: 'start' | 'end';
};

const CloseContext = createContext<() => void>(() => undefined);

export function Menu({ label, button, buttonClassName, children, side = 'below', align = 'end' }: Props) {
  const [opened, setOpened] = useState(false);
  const frame = useRef<HTMLDivElement>(null);
  const trigger = useRef<HTMLButtonElement>(null);
  const id = useId();

  const items = () => [...(frame.current?.querySelectorAll<HTMLElement>('[role^=menuitem]:not(:disabled)') ?? [])];

  useEffect(() => {
    if (!opened) return;
    frame.current?.querySelector<HTMLElement>('[role^=menuitem]:not(:disabled)')?.focus();
    const outside = (event: PointerEvent) => {
      if (!frame.current?.contains(event.target as Node)) setOpened(false);
    };
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, [opened]);

  const close = () => {
    setOpened(false);
    trigger.current?.focus();
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (!opened) return;
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const go = (index: number) => {
      event.preventDefault();
      all.at(index)?.focus();
    };
    if (event.key === 'Escape') {
      event.stopPropagation();
      close();
    } else if (event.key === 'ArrowDown') go((at + 1) % all.length);
    else if (event.key === 'ArrowUp') go(at - 1);
    else if (event.key === 'Home') go(0);
    else if (event.key === 'End') go(-1);
    else if (event.key === 'Tab') setOpened(false);
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys of the menu inside are handled here
    <div ref={frame} className={styles.frame} onKeyDown={onKeyDown}>
      <button
        ref={trigger}
        type="button"
        className={buttonClassName}
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={opened}
        aria-controls={opened ? id : undefined}
        onClick={() => setOpened(!opened)}
      >
        {button}
      </button>
      {opened && (
        <div id={id} role="menu" aria-label={label} className={styles.list} data-side={side} data-align={align}>
          <CloseContext value={close}>{children}</CloseContext>
        </div>
      )}
    </div>
  );
}

type ItemProps = {
  icon?: IconName;
  children: ReactNode;
  onClick: () => void;
  /** Given: one of several choices, chosen or not. */
  checked?: boolean;
  danger?: boolean;
  lang?: string;
};

export function MenuItem({ icon, children, onClick, checked, danger, lang }: ItemProps) {
  const close = useContext(CloseContext);
  return (
    // biome-ignore lint/a11y/useAriaPropsSupportedByRole: aria-checked is there only with the role menuitemradio
    <button
      type="button"
      role={checked === undefined ? 'menuitem' : 'menuitemradio'}
      aria-checked={checked}
      tabIndex={-1}
      lang={lang}
      className={styles.item}
      data-danger={danger || undefined}
      onClick={() => {
        close();
        onClick();
      }}
    >
      {icon && <Icon name={icon} size={18} />}
      <span className={styles.text}>{children}</span>
      {checked && <Icon name="check" size={16} />}
    </button>
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return (
    <div className={styles.label} role="presentation">
      {children}
    </div>
  );
}

export function MenuDivider() {
  return <hr className={styles.divider} />;
}
