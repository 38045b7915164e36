/** Everything about the code that a tool can judge; each check runs even if one before it failed. */
import { allFolderCircles } from './lib/folders.mjs';
import { installModules } from './lib/modules.mjs';
import { run, runTool } from './lib/process.mjs';
import { inRepo, main, say, since } from './lib/repo.mjs';
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
  const start = performance.now();
  const circles = await allFolderCircles();
  for (const circle of circles) say.note(circle);
  if (circles.length === 0) say.done(`no folder imports a folder that imports it (${since(start)})`);
  else failed.push('folders that import each other');
  if ((await run(process.execPath, [inRepo('scripts/drawings.mjs'), '--check'])) === 0) say.done('drawings of imports');
  else failed.push('drawings of imports');
  // Types are there by now, unless they do not check.
  if (!failed.includes(TYPES) && (await checkPackages({ types: false })) !== 0)
    failed.push('packages as strangers get them');
  for (const what of failed) say.fail(what);
  return failed.length === 0 ? 0 : 1;
});
