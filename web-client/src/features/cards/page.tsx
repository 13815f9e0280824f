// Lesson cards: the list, and one card with its editor. Which one is in the address, so that a link leads to it.
import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { useTexts } from '../../shared/i18n/use-texts';
import { type CardRow, fetchCards } from '../../shared/planning/api';
import { Answered, Empty, PageHead, Panel, styles, useMay } from '../../shared/planning/kit';
import { planningTexts } from '../../shared/planning/texts';
import { CardEditor } from './editor';
import { cardTexts } from './texts';

export const TONE = { draft: 'wait', published: 'good', withdrawn: 'bad', superseded: undefined } as const;

export default function CardsPage() {
  const search = useSearch({ strict: false }) as { card?: unknown };
  const card = typeof search.card === 'string' ? search.card : undefined;
  // A new card gets its name when it is saved: the form, and what was said of it, stays.
  const [shown, setShown] = useState(card);
  if (card !== shown && !(shown === 'new' && card)) setShown(card);
  if (card) return <CardEditor key={shown} id={card === 'new' ? undefined : card} />;
  return <CardList />;
}

function CardList() {
  const t = useTexts(cardTexts);
  const tp = useTexts(planningTexts);
  const navigate = useNavigate();
  const mayEdit = useMay('card.edit');
  const cards = useQuery({ queryKey: ['cards'], queryFn: fetchCards });
  const [words, setWords] = useState('');
  const [status, setStatus] = useState('');
  const open = (card: string) => void navigate({ to: '/cards' as '/', search: { card } as never });
  const items = (cards.data?.items ?? []).filter((card) => fits(card, words, status));
  return (
    <>
      <PageHead title={t('title')} lead={t('lead')}>
        {mayEdit && <Button onClick={() => open('new')}>{t('new_card')}</Button>}
      </PageHead>
      <Answered query={cards}>
        {cards.data?.items.length === 0 ? (
          <Empty title={t('empty')} text={t('empty_help')} icon="book" />
        ) : (
          <Panel
            tools={
              <div className={styles.tools}>
                <TextInput
                  label={tp('search')}
                  value={words}
                  onChange={(event) => setWords(event.currentTarget.value)}
                />
                <NativeSelect
                  label={t('filter_status')}
                  value={status}
                  onChange={(event) => setStatus(event.currentTarget.value)}
                  data={[
                    { value: '', label: tp('all') },
                    ...(['draft', 'published', 'withdrawn'] as const).map((value) => ({
                      value,
                      label: t(`status_${value}`),
                    })),
                  ]}
                />
              </div>
            }
          >
            {items.length === 0 ? (
              <p className={styles.soft}>{t('nothing_found')}</p>
            ) : (
              <Table items={items} onOpen={open} />
            )}
          </Panel>
        )}
      </Answered>
    </>
  );
}

function fits(card: CardRow, words: string, status: string): boolean {
  if (status === 'draft' ? !(card.has_draft || card.status === 'draft') : status && card.status !== status)
    return false;
  const text = [card.key, card.title, card.class, card.subject, card.teacher].join(' ').toLocaleLowerCase();
  return words
    .toLocaleLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function Table({ items, onOpen }: { items: CardRow[]; onOpen: (id: string) => void }) {
  const t = useTexts(cardTexts);
  return (
    <table className={`${styles.table} ${styles.cards}`}>
      <thead>
        <tr>
          <th scope="col">{t('col_card')}</th>
          <th scope="col">{t('col_class')}</th>
          <th scope="col">{t('col_teacher')}</th>
          <th scope="col">{t('col_status')}</th>
          <th scope="col" className={styles.number}>
            {t('col_planned')}
          </th>
        </tr>
      </thead>
      <tbody>
        {items.map((card) => (
          <tr key={card.id}>
            <td>
              <div>
                <button type="button" className={styles.plain} onClick={() => onOpen(card.id)}>
                  {card.title || card.key}
                </button>
                <div className={styles.soft}>{[card.key, card.subject].filter(Boolean).join(' · ')}</div>
              </div>
            </td>
            <td data-label={t('col_class')}>{[card.class, card.group].filter(Boolean).join(', ')}</td>
            <td data-label={t('col_teacher')}>{card.teacher}</td>
            <td data-label={t('col_status')}>
              <span className={styles.badge} data-tone={TONE[card.status]}>
                {t(`status_${card.status}`)}
              </span>
              {card.has_draft && card.status !== 'draft' && <div className={styles.soft}>{t('with_draft')}</div>}
            </td>
            <td className={styles.number} data-label={t('col_planned')}>
              {card.planned > 0 ? t('planned', { count: card.planned }) : '—'}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
