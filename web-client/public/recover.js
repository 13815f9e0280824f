// Before everything else: a page whose scripts did not come (the line dropped, the device changed networks on its way) would
// stay white. It is loaded again, three times at most, once there is a network; then its text says so, with a link.
(() => {
  const COUNT = 'kafedra.loads';
  const WAITS_MS = [300, 1500, 4000];
  let failed = false;

  // Without storage nothing can be counted, so nothing is loaded again by itself.
  const tries = () => {
    try {
      return Number(sessionStorage.getItem(COUNT) ?? 0);
    } catch {
      return WAITS_MS.length;
    }
  };

  const again = () => {
    if (failed || !document.getElementById('starting')) return;
    failed = true;
    const wait = WAITS_MS[tries()];
    if (wait === undefined) {
      document.getElementById('starting').classList.add('late');
      return;
    }
    sessionStorage.setItem(COUNT, String(tries() + 1));
    const load = () => setTimeout(() => location.reload(), wait);
    if (navigator.onLine) load();
    else addEventListener('online', load, { once: true });
  };

  // Errors of elements do not bubble; a module's comes also when one of those that it imports is missing.
  addEventListener(
    'error',
    ({ target }) => {
      const needed = target instanceof HTMLScriptElement || (target instanceof HTMLLinkElement && target.rel === 'stylesheet');
      if (needed) again();
    },
    true,
  );
  addEventListener('unhandledrejection', again);
  // Drawn: what is counted begins anew. Until then nothing is, or a page that fails after `load` would load for ever.
  const forget = () => {
    try {
      sessionStorage.removeItem(COUNT);
    } catch {
      // Nothing was counted.
    }
  };
  addEventListener('DOMContentLoaded', () => {
    const starting = document.getElementById('starting');
    if (!starting) return;
    const drawn = new MutationObserver(() => {
      if (starting.isConnected) return;
      drawn.disconnect();
      forget();
    });
    drawn.observe(starting.parentNode, { childList: true });
  });
})();
