/**
 * Keeps the pages working without a network. Everything is kept by build: a page is answered whole from one build or not
 * at all, and a new build's cache replaces the old one's only when no page of the old one needs it any more, or the
 * visitor asks for it. The SDK keeps the model itself, so nothing of it is kept here.
 */

/** Hash of all files of this build; a new one makes this a new service worker. */
declare const __BUILD__: string;
/** Files of this build by path relative to the site's root, with their SHA-256 as Subresource Integrity writes it. */
declare const __FILES__: Readonly<Record<string, string>>;
/** Those that every page needs before anything is started. */
declare const __SHELL__: readonly string[];

// TypeScript's own types of service workers exclude those of pages, which are checked together with this file.
interface ExtendableEvent extends Event {
  waitUntil(promise: Promise<unknown>): void;
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface ServiceWorkerEvents {
  readonly install: ExtendableEvent;
  readonly activate: ExtendableEvent;
  readonly fetch: FetchEvent;
  readonly message: MessageEvent<unknown>;
}
interface ServiceWorkerScope {
  readonly registration: ServiceWorkerRegistration;
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener<K extends keyof ServiceWorkerEvents>(
    type: K,
    listener: (event: ServiceWorkerEvents[K]) => void,
  ): void;
}

const worker = globalThis as unknown as ServiceWorkerScope;
const PREFIX = 'swinface-pages-';
const CACHE = PREFIX + __BUILD__;
const SITE = new URL(worker.registration.scope);

/** Address of a file: pages are known by their folders. */
const addressOf = (path: string): string => new URL(path.replace(/(^|\/)index\.html$/, '$1'), SITE).href;
const INTEGRITY = new Map(Object.entries(__FILES__).map(([path, hash]) => [addressOf(path), hash]));

/** A file of this very build, from wherever the browser has it; anything else counts as a failure. */
const request = (address: string): Request =>
  new Request(address, { cache: 'no-cache', integrity: INTEGRITY.get(address) ?? '' });

worker.addEventListener('install', (event) => {
  const keep = async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll(__SHELL__.map((path) => request(addressOf(path))));
  };
  event.waitUntil(keep());
});

worker.addEventListener('activate', (event) => {
  const replace = async () => {
    const names = await caches.keys();
    const old = names.filter((name) => name.startsWith(PREFIX) && name !== CACHE);
    await Promise.all(old.map((name) => caches.delete(name)));
    // The first visit counts: what it loads from now on is kept.
    await worker.clients.claim();
  };
  event.waitUntil(replace());
});

worker.addEventListener('message', ({ data }) => {
  if (data === 'activate') void worker.skipWaiting();
});

worker.addEventListener('fetch', (event) => {
  const { method, url } = event.request;
  // Pages read their query themselves (`?engine=`): the file is the same.
  const address = url.replace(/[?#].*$/, '');
  if (method === 'GET' && INTEGRITY.has(address)) event.respondWith(answer(event.request, address));
});

async function answer(original: Request, address: string): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(address);
  if (kept) return kept;
  const response = await fetch(request(address)).catch(() => undefined);
  // Not the file of this build, or none at all: what the server has is still better than nothing, but is not kept.
  if (!response?.ok) return response ?? fetch(original);
  // Keeping is a convenience; a full disk is no reason not to answer.
  await cache.put(address, response.clone()).catch(() => {});
  return response;
}
