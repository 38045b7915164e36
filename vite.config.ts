import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { WEBGPU } from './e2e/browsers/firefox.js';
import { firefoxProvider } from './e2e/browsers/provider.js';
import { inRepo } from './scripts/lib/repo.mjs';
import { SOURCE_ALIASES } from './scripts/lib/sources.mjs';

/** Tests on a GPU that bring what only Node has, stand-ins for browsers among it, and the one that is long enough once. */
const NODE_ALONE = [
  'packages/trainer/**',
  'packages/swinface/**',
  'packages/core/test/gpu/arrivals.test.ts',
  'packages/core/test/gpu/swinface-t.test.ts',
  'packages/core/test/gpu/tfjs-webgpu.test.ts',
  'packages/core/test/gpu/validation.test.ts',
];

export default defineConfig({
  resolve: { alias: SOURCE_ALIASES },
  test: {
    // Browsers start slowly where much else runs.
    browser: { connectTimeout: 300_000 },
    projects: [
      {
        extends: true,
        test: {
          name: 'node',
          include: ['{packages/*,bench,scripts}/test/node/**/*.test.ts'],
          // Vitest leaves a core free, which on two cores means one file at a time and half of the machine idle.
          maxWorkers: Math.max(2, availableParallelism() - 1),
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        // Each command runs in processes of its own, some in a browser.
        test: {
          name: 'commands',
          include: ['scripts/test/commands/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 300_000,
        },
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
        // A second implementation of WebGPU (wgpu and naga, on Mesa's driver) runs the very same tests.
        resolve: {
          alias: [
            { find: /^@swinface\/testing$/, replacement: inRepo('packages/testing/src/browser.ts') },
            ...SOURCE_ALIASES,
          ],
        },
        cacheDir: inRepo('.cache/vite-firefox'),
        test: {
          name: 'firefox',
          include: ['packages/*/test/gpu/**/*.test.ts'],
          exclude: NODE_ALONE,
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            ui: false,
            provider: firefoxProvider(WEBGPU),
            instances: [{ browser: 'firefox' }],
          },
        },
      },
      {
        extends: true,
        // The built pages in browsers other than Chromium.
        test: {
          name: 'browsers',
          include: ['e2e/browsers/*.test.ts'],
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
