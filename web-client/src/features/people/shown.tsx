// A password that is shown once, and refusals of this section in its words.
import type { Refusal } from '../../shared/errors';
import { useTexts } from '../../shared/i18n/use-texts';
import { Refused } from '../../shared/planning/kit';
import { Notice } from '../../shared/ui/notice';
import { peopleTexts } from './texts';

export function Password({ code, password }: { code: string; password: string }) {
  const t = useTexts(peopleTexts);
  return (
    <Notice tone="good" alert title={t('password_shown')}>
      <p style={{ margin: '0 0 6px' }}>
        {t('login')}: <b>{code}</b>
        <br />
        {t('password')}: <b style={{ fontFamily: 'monospace', fontSize: '1.1rem', userSelect: 'all' }}>{password}</b>
      </p>
      {t('password_help')}
    </Notice>
  );
}

export function Why({ refusal }: { refusal: Refusal }) {
  const t = useTexts(peopleTexts);
  const { last_admin, self, used } = (refusal.params ?? {}) as {
    last_admin?: boolean;
    self?: boolean;
    used?: { roles: number; classes: number };
  };
  if (last_admin) return <Notice alert tone="error" title={t('last_admin')} />;
  if (self) return <Notice alert tone="error" title={t('oneself')} />;
  if (used) {
    return (
      <Notice alert tone="error" title={t('unit_used')}>
        {t('unit_used_by', used)}
      </Notice>
    );
  }
  if (refusal.code === 'conflict') return <Notice alert tone="error" title={t('taken')} />;
  return <Refused refusal={refusal} />;
}
