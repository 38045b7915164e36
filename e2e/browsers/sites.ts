import { cp } from 'node:fs/promises';
import { inRepo } from '../../scripts/lib/repo.mjs';
import { POLICY, SITE, serve } from '../../scripts/serve.mjs';
import { buildHarness } from '../harness/build.js';
import { type RefusingProxy, refusingProxy } from '../proxy.js';

/** What a careful site answers with, and all that the SDK and the widget need. */
const STRANGERS = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";
/** Where browsers report what a policy stopped: a host that there is not, so that the proxy hears of it. */
export const REPORTS = 'stopped-by-policy.invalid';

/** A server of one test run. */
export type Site = Awaited<ReturnType<typeof serve>> & {
  /** Paths asked for, in order. */
  readonly paths: string[];
};

/** Serves a folder with a policy that reports, on a port of its own. */
export async function openSite(root: string = SITE, policy: string = POLICY): Promise<Site> {
  const paths: string[] = [];
  const site = await serve({
    root,
    policy: `${policy}; report-uri http://${REPORTS}/`,
    port: 0,
    onRequest: (path) => paths.push(path),
  });
  return { ...site, paths };
}

/** Everything that a browser is tried on. */
export interface Sites {
  /** The example pages. */
  readonly pages: Site;
  /** A stranger's page with the widget. */
  readonly stranger: Site;
  /** An application that holds the SDK. */
  readonly application: Site;
  /** Between the browser and every other host. */
  readonly proxy: RefusingProxy;
  close(): Promise<void>;
}

/** An application that holds the SDK, as {@link buildApplication} leaves it. */
export const APPLICATION = inRepo('.cache/e2e/application');

/** Bundles the application, with what the SDK loads beside it. */
export async function buildApplication(): Promise<void> {
  await buildHarness(APPLICATION);
  await cp(`${SITE}/assets`, `${APPLICATION}/assets`, { recursive: true });
}

/** Serves everything. */
export async function openSites(): Promise<Sites> {
  await buildApplication();
  const [pages, stranger, application, proxy] = await Promise.all([
    openSite(),
    openSite(inRepo('dist/embed'), STRANGERS),
    openSite(APPLICATION, STRANGERS),
    refusingProxy(),
  ]);
  return {
    pages,
    stranger,
    application,
    proxy,
    async close() {
      await Promise.all([pages, stranger, application].map((site) => site.close()));
      proxy.close();
    },
  };
}
