/**
 * Compiles `packages/core/assembly` (AssemblyScript) to `packages/core/src/executors/wasm/kernels.ts` and `kernels-shared.ts`, which
 * are committed: the packages build without the compiler, and a test fails where they differ.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inRepo, isMain, main, say, UserError } from './lib/repo.mjs';

/** Where the compiled kernels lie, and what they are compiled for. */
export const KERNELS = [
  { file: 'packages/core/src/executors/wasm/kernels.ts', memory: 'a memory of one thread', options: [] },
  {
    file: 'packages/core/src/executors/wasm/kernels-shared.ts',
    memory: 'a memory that threads share',
    options: ['--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536', '--enable', 'threads'],
  },
];

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

/**
 * @param {(typeof KERNELS)[number]} target
 * @returns {Promise<string>} the text of its file
 */
export async function kernelSource({ memory, options }) {
  const simd = await compile(...options);
  const relaxed = await compile('--enable', 'relaxed-simd', ...options);
  return `// Compiled from packages/core/assembly by scripts/wasm-kernels.mjs; do not edit. For ${memory}.

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
    for (const target of KERNELS) {
      await writeFile(inRepo(target.file), await kernelSource(target));
      say.done(`${target.file} written`);
    }
  });
}
