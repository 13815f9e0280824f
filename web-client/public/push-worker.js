// Shows a push and leads to its page. It keeps nothing and answers no requests.
self.addEventListener('push', (event) => {
  const said = event.data ? event.data.json() : {};
  const shown = self.registration.showNotification(said.title || 'Кафедра', {
    body: said.body || '',
    tag: said.tag,
    icon: '/favicon.svg',
    data: { path: typeof said.path === 'string' && /^\/(?![/\\])/.test(said.path) ? said.path : '/' },
  });
  event.waitUntil(shown);
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const path = event.notification.data ? event.notification.data.path : '/';
  const open = async () => {
    const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
    const page = pages.find((one) => 'focus' in one);
    if (!page) return self.clients.openWindow(path);
    await page.focus();
    return page.navigate(path);
  };
  event.waitUntil(open());
});
