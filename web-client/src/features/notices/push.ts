// This browser's subscription to pushes, kept by its service worker.
import { addPush, removePush } from './data';

const WORKER = '/push-worker.js';

async function registration(): Promise<ServiceWorkerRegistration | undefined> {
  if (!('serviceWorker' in navigator) || !('PushManager' in window)) return undefined;
  return navigator.serviceWorker.getRegistration(WORKER);
}

/** Whether this browser takes pushes. */
export async function currentPush(): Promise<boolean> {
  const found = await registration();
  return Boolean(await found?.pushManager.getSubscription());
}

export async function subscribe(key: string): Promise<void> {
  const worker = await navigator.serviceWorker.register(WORKER);
  await navigator.serviceWorker.ready;
  const subscription = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  try {
    await addPush(subscription.toJSON());
  } catch (error) {
    // The hub does not know it: nothing shall seem switched on.
    await subscription.unsubscribe();
    throw error;
  }
}

export async function unsubscribe(): Promise<void> {
  const subscription = await (await registration())?.pushManager.getSubscription();
  if (!subscription) return;
  await removePush(subscription.endpoint);
  await subscription.unsubscribe();
}
