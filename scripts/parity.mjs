/**
 * npm run parity -- FILE.json [--engine webgpu|wasm|tfjs|onnx|reference]
 *
 * Regenerates the synthetic weights and the input that a golden file names, runs an engine on them and prints the
 * largest difference per output and feature map as JSON. Exits with 1 over the bars, with 2 if it could not compare.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { findChromium, vulkanEnvironment } from './lib/chromium.mjs';
import { installModules } from './lib/modules.mjs';
import { run } from './lib/process.mjs';
import { inRepo } from './lib/repo.mjs';
import { importSource } from './lib/sources.mjs';

const USAGE = 'npm run parity -- FILE.json [--engine webgpu|wasm|tfjs|onnx|reference]';
/** Set for the child that has the Vulkan driver's environment. */
const PREPARED = 'SWINFACE_PARITY_PREPARED';

async function compare() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { engine: { type: 'string', default: 'webgpu' } },
  });
  const [file, ...rest] = positionals;
  if (file === undefined || rest.length > 0) throw new Error(`Usage: ${USAGE}`);
  // npm moves to the root; paths are meant from where the person stands.
  const path = resolve(process.env.INIT_CWD ?? '.', file);

  if (!process.env[PREPARED]) {
    await installModules();
    const driver = values.engine === 'webgpu' ? await vulkanEnvironment(await findChromium()) : {};
    return run(process.execPath, [inRepo('scripts/parity.mjs'), path, '--engine', values.engine], {
      env: { ...driver, [PREPARED]: '1' },
    });
  }
  const { parity, PARITY_ENGINES } = await importSource('packages/testing/src/parity.ts');
  if (!PARITY_ENGINES.includes(values.engine)) {
    throw new Error(`There is no engine "${values.engine}"; expected one of ${PARITY_ENGINES.join(', ')}`);
  }
  const report = await parity(path, values.engine);
  console.log(JSON.stringify(report, null, 2));
  return report.passed ? 0 : 1;
}

try {
  process.exit(await compare());
} catch (error) {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exit(2);
}
