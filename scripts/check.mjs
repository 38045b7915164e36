/** Everything about the code that a tool can judge; each check runs even if one before it failed. */
import { installModules } from './lib/modules.mjs';
import { runTool } from './lib/process.mjs';
import { main, say, since } from './lib/repo.mjs';
import { checkPackages } from './packages.mjs';

const TYPES = 'types';
const CHECKS = [
  ['format, lint, import cycles', '@biomejs/biome/bin/biome', ['ci', '--error-on-warnings', '.']],
  [TYPES, 'typescript/bin/tsc', ['-b']],
  ['unused files, exports and dependencies', 'knip/bin/knip.js', ['--no-config-hints']],
  ['undocumented public symbols', 'typedoc/bin/typedoc', ['--emit', 'none', '--logLevel', 'Warn']],
];

await main(async () => {
  await installModules();
  const failed = [];
  for (const [what, bin, args] of CHECKS) {
    const start = performance.now();
    if ((await runTool(bin, args)) === 0) say.done(`${what} (${since(start)})`);
    else failed.push(what);
  }
  // Types are there by now, unless they do not check.
  if (!failed.includes(TYPES) && (await checkPackages({ types: false })) !== 0)
    failed.push('packages as strangers get them');
  for (const what of failed) say.fail(what);
  return failed.length === 0 ? 0 : 1;
});
