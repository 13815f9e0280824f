// The texts that people sign, each in its newest version; whoever manages the policy writes the next one.
import { Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { dayKey } from '../../shared/i18n/format';
import { useTexts } from '../../shared/i18n/use-texts';
import { Answered, Empty, Panel, styles, useMay } from '../../shared/planning/kit';
import { RowDialog } from './rules-dialog';
import { texts, useDay, useProposals } from './rules-kit';
import { addText, fetchTexts, type Text } from './rules-model';

const PURPOSES = ['personal_data', 'recording', 'messages', 'publication'] as const;
type Purpose = (typeof PURPOSES)[number];
/** As the hub bounds it. */
const MOST_CHARACTERS = 20_000;

export const usePurpose = () => {
  const t = useTexts(texts);
  return (purpose: string) => (PURPOSES.includes(purpose as Purpose) ? t(`purpose_${purpose as Purpose}`) : purpose);
};

export function ConsentTexts() {
  const t = useTexts(texts);
  const day = useDay();
  const name = usePurpose();
  const client = useQueryClient();
  const mayEdit = useMay('policy.manage');
  const decides = useProposals().data?.decides;
  const known = useQuery({ queryKey: ['consent-texts'], queryFn: fetchTexts });
  const [edited, setEdited] = useState<Text>();
  const inForce = new Map(known.data?.map(({ purpose, text }) => [purpose, text]));
  // Whoever writes them sees what is missing too.
  const shown = PURPOSES.filter((purpose) => mayEdit || inForce.has(purpose));
  const doing = useMutation({
    mutationFn: addText,
    onSuccess: () => {
      for (const key of ['consent-texts', 'rule-proposals']) void client.invalidateQueries({ queryKey: [key] });
      setEdited(undefined);
    },
  });
  return (
    <Panel title={t('texts')}>
      <p className={styles.soft}>{t(decides === false ? 'texts_lead_propose' : 'texts_lead')}</p>
      <Answered query={known}>
        {shown.length === 0 && <Empty title={t('texts_empty')} icon="info" />}
        <ul className={styles.list}>
          {shown.map((purpose) => {
            const text = inForce.get(purpose);
            const what = { what: name(purpose) };
            return (
              <li key={purpose} className={styles.date}>
                <div className={styles.dateTop}>
                  {name(purpose)}
                  {text && (
                    <span className={styles.soft}>
                      {t('text_version', { version: text.version, date: day(dayKey(Date.parse(text.in_force_from))) })}
                    </span>
                  )}
                </div>
                {text && <div>{text.title}</div>}
                {mayEdit && (
                  <Button
                    size="compact-sm"
                    variant="light"
                    mt={8}
                    aria-label={text ? t('text_new_of', what) : t('text_write_of', what)}
                    onClick={() => setEdited({ purpose, title: text?.title ?? '', body: text?.body ?? '' })}
                  >
                    {t(text ? 'text_new' : 'text_write')}
                  </Button>
                )}
              </li>
            );
          })}
        </ul>
      </Answered>
      {edited && (
        <RowDialog
          title={t('text_new_of', { what: name(edited.purpose) })}
          fields={[
            { name: 'title', label: t('text_title'), required: true, wide: true, initial: edited.title },
            {
              name: 'body',
              label: t('text_body'),
              type: 'long',
              required: true,
              max: MOST_CHARACTERS,
              initial: edited.body,
            },
          ]}
          action={decides === false ? t('propose') : undefined}
          doing={doing}
          onClose={() => setEdited(undefined)}
          onSave={({ title = '', body = '' }) => doing.mutate({ purpose: edited.purpose, title, body })}
        />
      )}
    </Panel>
  );
}
