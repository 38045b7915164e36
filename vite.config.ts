import { defineConfig } from 'vitest/config';
import { SOURCE_ALIASES } from './scripts/lib/sources.mjs';

export default defineConfig({
  resolve: { alias: SOURCE_ALIASES },
  test: {
    projects: [
      {
        extends: true,
        test: { name: 'node', include: ['{packages/*,bench}/test/node/**/*.test.ts'], testTimeout: 60_000 },
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
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['packages/*/test/browser/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
