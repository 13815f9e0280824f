// The pages. Each is a chunk of its own; everything but the sign-in page needs a signed-in person.
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from '@tanstack/react-router';
import { lazy, type ReactNode } from 'react';
import { CATEGORY, refusalOf } from '../shared/errors';
import { meQuery } from '../shared/me';
import { askAfterLesson } from '../shared/ui/after-lesson';
import { PendingPage } from './pending';
import { queryClient } from './query';

// A chunk of its own: most of the time nobody has just left a lesson.
askAfterLesson(
  lazy(() => import('../features/help/feedback-form')),
  lazy(() => import('../features/timetable/closing/closing').then((chunk) => ({ default: chunk.WhyClosed }))),
);

// Rarely seen, so not in the first load.
const NotFoundPage = lazyRouteComponent(() => import('./fallbacks'), 'NotFoundPage');
const ErrorPage = lazyRouteComponent(() => import('./fallbacks'), 'ErrorPage');

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFoundPage });

/** Only a path of this site: a crafted link must not send people elsewhere after the sign-in. */
const validateSearch = (search: Record<string, unknown>): { next?: string } =>
  typeof search.next === 'string' && /^\/(?![/\\])/.test(search.next) ? { next: search.next } : {};

/** Where the person was going, for a page that stands in between. */
const towards = (href: string) => (href === '/' ? {} : { next: href });

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch,
  component: lazyRouteComponent(() => import('../features/auth/page'), 'SignInPage'),
});

async function knownMe(href: string) {
  try {
    return await queryClient.ensureQueryData(meQuery);
  } catch (error) {
    if (CATEGORY[refusalOf(error).code] !== 'sign_in') throw error;
    throw redirect({ to: '/sign-in', search: towards(href) });
  }
}

const signedIn = createRoute({
  getParentRoute: () => root,
  id: 'signed-in',
  beforeLoad: async ({ location }) => {
    const me = await knownMe(location.href);
    if (me.password_change_required) throw redirect({ to: '/password', search: towards(location.href) });
  },
  component: Outlet,
});

const password = createRoute({
  getParentRoute: () => root,
  path: '/password',
  validateSearch,
  beforeLoad: ({ search }) => knownMe(search.next ?? '/'),
  component: lazyRouteComponent(() => import('../features/auth/first-password-page')),
});

const shell = createRoute({
  getParentRoute: () => signedIn,
  id: 'shell',
  component: lazyRouteComponent(() => import('./shell'), 'Shell'),
});

export type TimetableView = 'now' | 'list' | 'week';

const timetable = createRoute({
  getParentRoute: () => shell,
  path: '/',
  validateSearch: (search: Record<string, unknown>): { view?: TimetableView; ward?: string; week?: string } => ({
    view: search.view === 'list' || search.view === 'week' ? search.view : undefined,
    ward: typeof search.ward === 'string' ? search.ward : undefined,
    week: typeof search.week === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(search.week) ? search.week : undefined,
  }),
  component: lazyRouteComponent(() => import('../features/timetable/page'), 'TimetablePage'),
});

/** A page inside the frame; its links stand in `nav.ts`. */
const page = <const Path extends string>(path: Path, component: () => Promise<{ default: () => ReactNode }>) =>
  createRoute({ getParentRoute: () => shell, path, component: lazyRouteComponent(component) });

const requests = () => import('../features/help/requests-page');

const pages = [
  page('/guide', () => import('../features/guide/page')),

  // Planning.
  page('/programme', () => import('../features/programme/page')),
  page('/calendar', () => import('../features/calendar/page')),
  page('/cards', () => import('../features/cards/page')),
  page('/planning', () => import('../features/planning/page')),

  // Individual help.
  page('/requests', requests),
  page('/requests/$request', requests),
  page('/topics', () => import('../features/help/topics-page')),
  page('/appointments', () => import('../features/help/appointments-page')),
  page('/children', () => import('../features/help/children-page')),
  page('/guardians', () => import('../features/help/guardians-page')),
  page('/feedback', () => import('../features/help/feedback-page')),

  // Evidence.
  page('/reports', () => import('../features/reports/page')),
  page('/notices', () => import('../features/notices/page')),
  page('/notices/settings', () => import('../features/notices/settings-page')),
  page('/import', () => import('../features/imports/page')),
  page('/people', () => import('../features/people/page')),
  page('/journal', () => import('../features/journal/page')),
  page('/privacy', () => import('../features/privacy/page')),
] as const;

const room = createRoute({
  getParentRoute: () => signedIn,
  path: '/room/$room',
  validateSearch: (search: Record<string, unknown>): { beside?: string } =>
    typeof search.beside === 'string' ? { beside: search.beside } : {},
  component: lazyRouteComponent(() => import('../features/room/page'), 'RoomPage'),
});

/** For a screen in a class-room: watches without a seat of its own at the table. */
const watch = createRoute({
  getParentRoute: () => signedIn,
  path: '/watch/$room',
  component: lazyRouteComponent(() => import('../features/watch/page'), 'WatchPage'),
});

export const router = createRouter({
  routeTree: root.addChildren([
    signIn,
    password,
    signedIn.addChildren([shell.addChildren([timetable, ...pages]), room, watch]),
  ]),
  defaultPendingComponent: PendingPage,
  defaultErrorComponent: ErrorPage,
  defaultNotFoundComponent: NotFoundPage,
  defaultPendingMs: 300,
  defaultPreload: 'intent',
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
