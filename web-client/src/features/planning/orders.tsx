// The book of orders that have lifted a limit.
import { useQuery } from '@tanstack/react-query';
import { isErrorCode } from '../../shared/errors';
import { formatDate, formatTime } from '../../shared/i18n/format';
import { useLocale, useTexts } from '../../shared/i18n/use-texts';
import { fetchOrders } from '../../shared/planning/api';
import { Answered, Empty, Panel, styles } from '../../shared/planning/kit';
import { useRefusalWords } from '../../shared/ui/refusal';
import { loadTexts } from './texts';

export function Orders() {
  const t = useTexts(loadTexts);
  const locale = useLocale();
  const words = useRefusalWords();
  const orders = useQuery({ queryKey: ['orders'], queryFn: fetchOrders });
  const at = (time: string) => `${formatDate(Date.parse(time), locale)}, ${formatTime(Date.parse(time), locale)}`;
  return (
    <Panel>
      <p className={styles.soft}>{t('orders_help')}</p>
      <Answered query={orders}>
        {orders.data?.items.length === 0 && <Empty title={t('orders_empty')} icon="book" />}
        <ul className={styles.list}>
          {orders.data?.items.map((order) => (
            <li key={order.id} className={styles.date}>
              <div className={styles.dateTop}>
                {t('order_row', { no: order.order_no, reason: order.reason })}
                <span className={styles.badge} data-tone="wait">
                  {isErrorCode(order.code) ? words(order.code).title : order.code}
                </span>
              </div>
              <div className={styles.soft}>
                {[
                  order.title,
                  order.class,
                  order.start && at(order.start),
                  t('order_by', { by: order.granted_by, host: order.host }),
                  at(order.created_at),
                ]
                  .filter(Boolean)
                  .join(' · ')}
              </div>
            </li>
          ))}
        </ul>
      </Answered>
    </Panel>
  );
}
