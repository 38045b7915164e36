import { defineConfig } from '@playwright/test';
import config from './playwright.config.js';

const [pages] = config.projects ?? [];
const [server] = [config.webServer ?? []].flat();
if (!pages || !server) throw new Error('playwright.config.ts names no project or no server.');

/** The long tests of `npm run soak`, on the pages' server and in the browser that the other tests use. */
export default defineConfig({
  ...config,
  testDir: './soak',
  testMatch: '*.soak.ts',
  outputDir: '../test-results/soak',
  timeout: 600_000,
  reporter: 'list',
  projects: [{ name: 'soak', use: pages.use ?? {} }],
  webServer: server,
});
