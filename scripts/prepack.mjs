/**
 * Runs before `npm pack` and `npm publish` of a package, in its folder: builds it with its types, whatever was built
 * before, and fails where a file that its package.json promises is not there.
 */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { buildPackage } from './lib/build-package.mjs';
import { runTool } from './lib/process.mjs';
import { main, UserError } from './lib/repo.mjs';
import { folderOf, manifestOf, PUBLIC_PACKAGES, promisedFiles } from './lib/strangers.mjs';

await main(async () => {
  const name = basename(process.cwd());
  if (!PUBLIC_PACKAGES.includes(name)) throw new UserError(`${process.cwd()} is no package to be published.`);
  await buildPackage(name);
  if ((await runTool('typescript/bin/tsc', ['-b', `packages/${name}`], { stdio: ['ignore', 2, 2] })) !== 0) {
    throw new UserError(`The types of ${name} do not check (see above).`);
  }
  const missing = promisedFiles(await manifestOf(name)).filter((path) => !existsSync(join(folderOf(name), path)));
  if (missing.length > 0) throw new UserError(`${name} lacks ${missing.join(', ')}.`);
});
