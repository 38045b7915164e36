import { defineConfig } from '@playwright/test';
import { CAMERA_VIDEO } from './camera-video.js';

const PORT = Number(process.env.E2E_PORT ?? 4699);

/** WebGPU on SwiftShader, and nothing that would call home. */
const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
];

const chromium = (...more: string[]) => ({
  launchOptions: {
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: [...CHROMIUM_ARGS, ...more],
  },
});

export default defineConfig({
  testDir: '.',
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
  },
  projects: [
    { name: 'pages', testIgnore: ['webcam.spec.ts', 'embed.spec.ts'], use: chromium() },
    {
      name: 'webcam',
      testMatch: 'webcam.spec.ts',
      use: chromium('--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${CAMERA_VIDEO}`),
    },
    {
      name: 'embed',
      testMatch: 'embed.spec.ts',
      use: {
        ...chromium('--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${CAMERA_VIDEO}`),
        baseURL: `http://localhost:${PORT + 1}/`,
      },
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
      url: `http://localhost:${PORT + 1}/`,
      env: { PORT: String(PORT + 1) },
      reuseExistingServer: false,
    },
  ],
});
