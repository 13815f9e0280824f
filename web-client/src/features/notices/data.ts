// Notices from the hub, and what a person chose about them.
import { request } from '../../shared/net/http';

export type Lesson = { id: string; title: string; start_ms: number };

/** Parameters by kind; the closed list is `domain/notice.rs`. */
export type NoticeBody = {
  kind: string;
  lesson?: Lesson;
  minutes?: number;
  was_ms?: number;
  reason?: string;
  said?: string;
  by?: string;
  subject?: string;
  order_no?: string;
  title?: string;
  from?: string;
  to?: string;
  affected?: number;
  act_no?: string;
};

export type NoticeItem = { id: string; at_ms: number; is_read: boolean; path: string; notice: NoticeBody };
export type NoticeList = { items: NoticeItem[]; unread: number; more: boolean };

export type TopicChoice = { topic: string; email: boolean; push: boolean };
export type Settings = {
  topics: TopicChoice[];
  email?: string;
  is_email_confirmed: boolean;
  reminder_minutes?: number;
  reminder_choices: number[];
  quiet_from?: string;
  quiet_to?: string;
  has_email: boolean;
  push_key?: string;
  browsers: number;
  /** The consent to messages has ended: letters and pushes stay away. */
  is_silenced: boolean;
};
export type Feed = { exists: boolean; created_at?: string; used_at?: string; url?: string };

export const fetchNotices = (before?: number) =>
  request<NoticeList>('GET', `/api/v1/notices${before === undefined ? '' : `?before_ms=${before}`}`);
export const readNotices = (until: number) => request<void>('POST', '/api/v1/notices/read', { until_ms: until });
export const fetchSettings = () => request<Settings>('GET', '/api/v1/notices/settings');
export const saveSettings = (chosen: {
  topics: TopicChoice[];
  reminder_minutes?: number;
  quiet_from?: string;
  quiet_to?: string;
}) => request<Settings>('PUT', '/api/v1/notices/settings', chosen);
export const setEmail = (email: string | null) => request<void>('PUT', '/api/v1/notices/email', { email });
export const confirmEmail = (code: string) => request<Settings>('POST', '/api/v1/notices/email/confirm', { code });
export const addPush = (subscription: PushSubscriptionJSON) =>
  request<void>('POST', '/api/v1/notices/push', { endpoint: subscription.endpoint, keys: subscription.keys });
export const removePush = (endpoint: string) => request<void>('DELETE', '/api/v1/notices/push', { endpoint });
export const fetchFeed = () => request<Feed>('GET', '/api/v1/me/calendar');
export const makeFeed = () => request<Feed>('POST', '/api/v1/me/calendar');
export const revokeFeed = () => request<void>('DELETE', '/api/v1/me/calendar');
