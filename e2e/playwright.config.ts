import { defineConfig } from '@playwright/test';
import { CAMERA_VIDEO } from './camera-video.js';

const PORT = Number(process.env.E2E_PORT ?? 4699);

/** WebGPU on SwiftShader. */
const WEBGPU_ARGS = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
/** Memory is measured when a test asks, not at the browser's next convenience. */
const EAGER_MEMORY = '--enable-blink-features=ForceEagerMeasureMemory';
/** Nothing that would call home. */
const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
];

const CAMERA_ARGS = ['--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${CAMERA_VIDEO}`];
const CAMERA_TESTS = ['webcam*.spec.ts', 'offline.spec.ts', 'quiet.spec.ts'];
const EMBED = `http://localhost:${PORT + 1}/`;

const chromium = (...more: string[]) => ({
  launchOptions: {
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: [...CHROMIUM_ARGS, ...more],
  },
});

export default defineConfig({
  testDir: '.',
  // browsers/ has tests of Vitest's.
  testMatch: '*.spec.ts',
  outputDir: '../test-results/e2e',
  // One software GPU on few cores: more workers would only wait for each other.
  workers: 1,
  timeout: 300_000,
  expect: { timeout: 180_000 },
  globalSetup: './global-setup.ts',
  reporter: [['list'], ['json', { outputFile: '../.cache/test/playwright.json' }]],
  use: {
    baseURL: `http://localhost:${PORT}/`,
    viewport: { width: 1440, height: 960 },
    screenshot: 'only-on-failure',
    // What a service worker answers, no test can disturb; offline.spec.ts lets it in.
    serviceWorkers: 'block',
  },
  projects: [
    {
      name: 'pages',
      testIgnore: [...CAMERA_TESTS, 'embed*.spec.ts', 'bundlers.spec.ts'],
      use: chromium(...WEBGPU_ARGS, EAGER_MEMORY),
    },
    { name: 'webcam', testMatch: CAMERA_TESTS, use: chromium(...WEBGPU_ARGS, ...CAMERA_ARGS) },
    // The widget's own manners, on the engine that is quickest without a GPU; its promise to strangers on WebGPU too.
    { name: 'embed', testMatch: 'embed*.spec.ts', use: { ...chromium(...CAMERA_ARGS), baseURL: EMBED } },
    { name: 'bundlers', testMatch: 'bundlers.spec.ts', use: chromium() },
    {
      name: 'embed on WebGPU',
      testMatch: 'embed.spec.ts',
      grep: /strict policy/,
      use: { ...chromium(...WEBGPU_ARGS, ...CAMERA_ARGS), baseURL: EMBED },
    },
  ],
  webServer: [
    {
      command: 'node ../scripts/serve.mjs --strict-port',
      url: `http://localhost:${PORT}/photo/`,
      env: { PORT: String(PORT) },
      reuseExistingServer: false,
    },
    {
      // The port beside it: another origin, another site's layout, its own policy.
      command: 'node embed-server.mjs',
      url: EMBED,
      env: { PORT: String(PORT + 1) },
      reuseExistingServer: false,
    },
  ],
});
