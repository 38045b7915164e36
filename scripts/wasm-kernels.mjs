/**
 * Compiles `packages/core/assembly` (AssemblyScript) to `packages/core/src/wasm/kernels.ts`, which is committed: the
 * packages build without the compiler, and a test fails where the two differ.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inRepo, isMain, main, say, UserError } from './lib/repo.mjs';

/** Where the compiled kernels lie. */
export const KERNELS = 'packages/core/src/wasm/kernels.ts';

const OPTIONS = ['--runtime', 'stub', '--importMemory', '--noAssert', '-O3', '--converge', '--enable', 'simd'];

async function compile(...options) {
  const { default: asc } = await import('assemblyscript/asc');
  let binary;
  const { error, stderr } = await asc.main(
    [
      join('packages', 'core', 'assembly', 'index.ts'),
      '--outFile',
      'kernels.wasm',
      '--baseDir',
      '.',
      ...OPTIONS,
      '--disableWarning',
      '112',
      ...options,
    ],
    {
      writeFile: (name, contents) => {
        if (name.endsWith('.wasm')) binary = contents;
      },
    },
  );
  if (error || !binary) throw new UserError(`The kernels do not compile.\n${stderr.toString()}`);
  return Buffer.from(binary).toString('base64');
}

/** @returns {Promise<string>} the text of {@link KERNELS} */
export async function kernelSource() {
  const simd = await compile();
  const relaxed = await compile('--enable', 'relaxed-simd');
  return `// Compiled from packages/core/assembly by scripts/wasm-kernels.mjs; do not edit.

/** For every browser with WebAssembly SIMD, in base64. */
export const SIMD =
  '${simd}';

/** The same with fused multiply-adds. */
export const RELAXED_SIMD =
  '${relaxed}';
`;
}

if (isMain(import.meta.url)) {
  await main(async () => {
    process.chdir(inRepo());
    await writeFile(inRepo(KERNELS), await kernelSource());
    say.done(`${KERNELS} written`);
  });
}
