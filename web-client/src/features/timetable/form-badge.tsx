import { commonTexts } from '../../shared/i18n/common';
import { useTexts } from '../../shared/i18n/use-texts';
import { Icon, type IconName } from '../../shared/ui/icon';
import type { Form } from '../../shared/wire.gen';
import styles from './timetable.module.css';

const ICONS: Record<Form, IconName> = {
  webinar: 'screen',
  video_conference: 'people',
  chat: 'chat',
  individual: 'user',
};

export function FormBadge({ form }: { form: Form }) {
  const t = useTexts(commonTexts);
  return (
    <span className={styles.form}>
      <Icon name={ICONS[form]} size={16} />
      {t(`form_${form}`)}
    </span>
  );
}
