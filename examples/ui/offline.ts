import { siteUrl } from './analyzer.js';
import { button, h } from './dom.js';
import { SAMPLES } from './samples.js';

/** Longest that a first analysis waits for the service worker; after that, only a later visit works offline. */
const PATIENCE_MS = 5000;

/** Whether these pages work without a network, and what to do about a new version of them. */
export interface Offline {
  /** A line for the footer. */
  readonly element: HTMLElement;
  /** Resolves once everything that is loaded is kept for visits without a network, or that cannot be had in time. */
  readonly prepared: Promise<void>;
  /** Tells that everything an analysis needs has been loaded. */
  setComplete(): void;
}

/**
 * Whether the sample photos are here for visits without a network: the service worker keeps what it fetches, unless the
 * disk is full or the server has another build's.
 */
async function keepSamples(): Promise<boolean> {
  const kept = await Promise.all(
    SAMPLES.map(async (address) => {
      await (await fetch(address)).arrayBuffer();
      return (await caches.match(address)) !== undefined;
    }),
  );
  return kept.every(Boolean);
}

/** Registers the service worker. Where there is none, pages work as ever, online. */
export function createOffline(): Offline {
  const element = h('p', { class: 'offline', role: 'status', hidden: true });
  const container = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  let keeping = container?.controller != null;
  let asked = false;
  const say = (...content: (Node | string)[]) => {
    element.replaceChildren(...content);
    element.hidden = false;
  };
  const offerReload = (run: () => void) =>
    say('A new version of these pages is ready. ', button('Use it now', run, { class: 'quiet' }));

  const watch = (registration: ServiceWorkerRegistration) => {
    const offer = (waiting: ServiceWorker) =>
      offerReload(() => {
        asked = true;
        waiting.postMessage('activate');
      });
    // The first one of all replaces nothing; WebKit shows it waiting too, for a moment.
    if (registration.waiting && container?.controller) offer(registration.waiting);
    registration.addEventListener('updatefound', () => {
      const { installing } = registration;
      installing?.addEventListener('statechange', () => {
        if (installing.state === 'installed' && container?.controller) offer(installing);
      });
    });
  };

  const register = async () => {
    if (!container) return;
    const controlled = new Promise<void>((resolve) => {
      if (keeping) resolve();
      container.addEventListener('controllerchange', () => {
        // Another version took over, here or in another tab: this page is of the old one, whose files are gone. What
        // the visitor has begun here is the visitor's to end.
        if (asked) location.reload();
        else if (keeping) offerReload(() => location.reload());
        keeping = true;
        resolve();
      });
    });
    // Typed as always there; browsers and policies that allow no service worker may answer with nothing.
    const registration = (await container.register(siteUrl('service-worker.js'))) as
      | ServiceWorkerRegistration
      | undefined;
    if (!registration) return;
    watch(registration);
    await Promise.race([controlled, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
  };

  const prepared = register().catch(() => {});
  let keptFromTheStart = false;
  void prepared.then(() => {
    keptFromTheStart = keeping;
  });
  return {
    element,
    prepared,
    setComplete() {
      if (!keptFromTheStart || !element.hidden) return;
      const tell = (kept: boolean) => {
        if (kept && element.hidden) say('These pages now work without a network too.');
      };
      keepSamples().then(tell, () => {}); // A promise that cannot be kept is not made.
    },
  };
}
