import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(`packages/${path}`, import.meta.url));

/** Tests and scripts read the packages' sources; pages and strangers read their built `dist`. */
export const sourceAliases = [
  { find: /^@swinface\/core\/(\w+)$/, replacement: source('core/src/$1/index.ts') },
  { find: /^@swinface\/(core|alignment|postprocessing|trainer|testing)$/, replacement: source('$1/src/index.ts') },
  { find: /^swinface$/, replacement: source('swinface/src/index.ts') },
];

export default defineConfig({
  resolve: { alias: sourceAliases },
  test: {
    projects: [
      {
        extends: true,
        test: { name: 'node', include: ['packages/*/test/node/**/*.test.ts'], testTimeout: 60_000 },
      },
      {
        extends: true,
        // One adapter, two cores: GPU files run one after another.
        test: {
          name: 'gpu',
          include: ['packages/*/test/gpu/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
