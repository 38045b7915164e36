/**
 * npm run fuzz -- [--cases 100000] [--first 0]
 *
 * Gives the readers of manifests, safetensors, zip archives, pickles, TFLite and ONNX files damaged ones: `cases` of them in all, numbered
 * from `first` for each reader. The same number is the same file in every run. Exits with 1 if a reader did anything but
 * refuse with a reason or read: another error, damage accepted against a checksum, more than a second, a lot of
 * memory.
 */
import { parseArgs } from 'node:util';
import { installModules } from './lib/modules.mjs';
import { main, say, UserError } from './lib/repo.mjs';
import { importSource } from './lib/sources.mjs';

/** @param {string} name @param {string} text */
function wholeNumber(name, text) {
  if (!/^\d{1,9}$/.test(text)) throw new UserError(`--${name} ${text}: expected a whole number`);
  return Number(text);
}

await main(async () => {
  const { values } = parseArgs({
    options: { cases: { type: 'string', default: '100000' }, first: { type: 'string', default: '0' } },
  });
  const cases = wholeNumber('cases', values.cases);
  const first = wholeNumber('first', values.first);
  await installModules();
  const { fuzz } = await importSource('packages/testing/src/index.ts');
  const { coreTargets } = await importSource('packages/core/test/fuzz/targets.ts');
  const { trainerTargets } = await importSource('packages/trainer/test/fuzz/targets.ts');
  const { networkFileTargets } = await importSource('packages/trainer/test/fuzz/network-files.ts');
  const targets = [...(await coreTargets()), ...(await trainerTargets()), ...(await networkFileTargets())];

  const share = Math.ceil(cases / targets.length);
  const totals = { cases: 0, refused: 0, accepted: 0, failures: 0 };
  for (const target of targets) {
    const report = await fuzz(target, share, first);
    const { refused, accepted, reasons, slowest, growth, failures } = report;
    totals.cases += report.cases;
    totals.refused += refused;
    totals.accepted += accepted;
    totals.failures += failures.length;
    const line =
      `${target.name}: ${report.cases} cases, ${refused} refused for ${reasons} reasons, ${accepted} read, ` +
      `slowest ${slowest.toFixed(0)} ms, ${(growth / 2 ** 20).toFixed(0)} MiB`;
    if (failures.length === 0) say.done(line);
    else say.fail(`${line}, ${failures.length} FAILED`);
    for (const { number, why } of failures.slice(0, 5)) say.fail(`  case ${number}: ${why}`);
  }
  console.log(`\n${totals.cases} cases: ${totals.refused} refused, ${totals.accepted} read, ${totals.failures} failed`);
  return totals.failures === 0 ? 0 : 1;
});
