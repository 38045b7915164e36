import { UserError } from './repo.mjs';

/**
 * Refuses a bundle in which anything imports the script that a worker starts with: WebKit evaluates such a script a second
 * time, and a second service would answer beside the first.
 *
 * @param {Record<string, { type: string, imports?: readonly string[], dynamicImports?: readonly string[] }>} bundle
 * @param {string} entry file name of the script
 */
export function refuseImportsOf(bundle, entry) {
  for (const [fileName, { imports = [], dynamicImports = [] }] of Object.entries(bundle)) {
    if (![...imports, ...dynamicImports].includes(entry)) continue;
    throw new UserError(`${fileName} imports ${entry}, which a worker starts with: WebKit would run it twice.`);
  }
}

/** For Vite's `worker.plugins`: every entry of a worker's bundle is a script that a worker starts with. */
export const workerEntries = {
  name: 'worker-entries',
  generateBundle(_, bundle) {
    for (const { isEntry, fileName } of Object.values(bundle)) if (isEntry) refuseImportsOf(bundle, fileName);
  },
};
