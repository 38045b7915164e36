import { execFile, spawn } from 'node:child_process';
import { cp, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser, Page } from '@playwright/test';
import { PAGE_PACKAGES } from '../scripts/lib/build-package.mjs';
import { inRepo } from '../scripts/lib/repo.mjs';
import { DATA_PACKAGES, packPackages, strangersFolder } from '../scripts/lib/strangers.mjs';
import { serve } from '../scripts/serve.mjs';
import { BUNDLER_NAMES, bundle, copyAssets, quickStart, serveWithVite } from './bundlers/bundle.mjs';
import { expect, isTrained, test } from './fixtures.js';

const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";

/** The second locator: optional, and what the tests fall back to where MediaPipe's model cannot be had. */
const LOCATOR = { '@vladmandic/face-api': '1.7.15' };

interface Report {
  readonly error?: string;
  readonly ages: readonly (number | undefined)[];
  readonly engine: string;
  readonly thread: string;
  readonly reason?: string;
  readonly widget: boolean;
}

async function expectReport(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.waitForFunction(() => 'report' in globalThis);
  const report = await page.evaluate(() => (globalThis as unknown as { report: Promise<Report> }).report);
  expect(report.error).toBeUndefined();
  expect(report.ages).toHaveLength(3);
  for (const age of report.ages) {
    // Grown-ups; how old they look to young weights is not what is tested here.
    if (isTrained) expect(age).toBeGreaterThan(5);
    if (isTrained) expect(age).toBeLessThan(60);
  }
  // In the worker, or the bundler did not find it.
  expect(report.thread, report.reason).toBe('worker');
  expect(report.widget).toBe(true);
  await expect(page.locator('swin-face').getByRole('button', { name: 'Start the camera' })).toBeVisible();
}

/** The built scripts that import the one a worker started with: WebKit would run that one a second time. */
async function importersOf(script: string, out: string): Promise<readonly string[]> {
  const imports = new RegExp(
    String.raw`\b(?:from|import)\s*\(?\s*["'\`][^"'\`]*/${script.replaceAll('.', '\\.')}["'\`]`,
  );
  const files = (await readdir(out, { recursive: true })).filter((file) => file.endsWith('.js'));
  const texts = await Promise.all(files.map(async (file) => ({ file, text: await readFile(join(out, file), 'utf8') })));
  return texts.flatMap(({ file, text }) => (imports.test(text) ? [file] : []));
}

/**
 * Opens the application in a browser of its own: it reports, finds all of its files, and asks nobody else.
 *
 * @param out folder of what was bundled, if anything
 */
async function expectToRun(browser: Browser, url: string, out?: string): Promise<void> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (/content security policy/i.test(message.text())) complaints.push(message.text());
  });
  page.on('response', (response) => {
    if (response.status() >= 400 && !response.url().endsWith('/favicon.ico')) complaints.push(response.url());
  });
  const scripts = new Set<string>();
  page.on('worker', (worker) => scripts.add(basename(new URL(worker.url()).pathname)));
  const foreign: string[] = [];
  page.on('request', (request) => {
    if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(url)) foreign.push(request.url());
  });
  try {
    await expectReport(page, url);
    expect(foreign).toEqual([]);
    expect(complaints).toEqual([]);
    expect(scripts.size).toBeGreaterThan(0);
    if (out === undefined) return;
    for (const script of scripts) expect(await importersOf(script, out), script).toEqual([]);
  } finally {
    await context.close();
  }
}

let tarballs: readonly string[] = [];

test.beforeAll(async () => {
  tarballs = [...(await packPackages([...PAGE_PACKAGES, ...DATA_PACKAGES], { types: false })).values()];
});

test.describe(() => {
  let folder = '';

  test.beforeAll(async () => {
    folder = await strangersFolder('bundlers', tarballs, LOCATOR);
  });

  for (const name of BUNDLER_NAMES) {
    test(`${name}: the packed packages bundle, find their worker, and run under a strict policy`, async ({
      browser,
    }) => {
      const out = await bundle(name, folder);
      const server = await serve({ root: out, policy: POLICY, port: 0 });
      try {
        await expectToRun(browser, server.url, out);
      } finally {
        await server.close();
      }
    });
  }

  test("a fresh Vite application runs the guide's quick start as it stands", async ({ browser }) => {
    const { out, installed } = await quickStart(folder);
    // What is installed here comes from tarballs; the guide must name no less.
    expect(installed).toEqual(['swinface', ...Object.keys(LOCATOR)]);
    const server = await serve({ root: out, policy: POLICY, port: 0 });
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      const lines: string[] = [];
      page.on('console', (message) => lines.push(message.text()));
      page.on('pageerror', (error) => lines.push(String(error)));
      await page.goto(server.url);
      await expect.poll(() => lines.join('\n')).toMatch(/3 faces on \w+|Error/);
      expect(lines.filter((line) => /^\d/.test(line))).toHaveLength(4);
    } finally {
      await context.close();
      await server.close();
    }
  });

  test("vite's development server: the packed packages find their worker unbundled", async ({ browser }) => {
    const server = await serveWithVite(folder);
    try {
      await expectToRun(browser, server.url);
    } finally {
      await server.close();
    }
  });
});

// A quarter of a gigabyte to install: `npm run fixtures` runs it, `npm test` does not.
if (process.env.FIXTURES_NEXT) {
  for (const bundler of ['turbopack', 'webpack']) {
    test(`Next.js with ${bundler}: renders the widget on a server, and analyses in the browser`, async ({
      browser,
    }) => {
      test.setTimeout(1_200_000);
      const folder = await strangersFolder('next', tarballs, {
        ...LOCATOR,
        next: '16.4.6',
        react: '19.3.1',
        'react-dom': '19.3.1',
      });
      await cp(inRepo('e2e/bundlers/next/app'), join(folder, 'app'), { recursive: true });
      await copyAssets(folder, join(folder, 'public'));
      const program = join(folder, 'node_modules/next/dist/bin/next');
      const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1' };
      // Turbopack once waited for ever, for a worker's script that named itself: better told than waited for.
      const limits = { cwd: folder, env, timeout: 600_000 };
      await promisify(execFile)(process.execPath, [program, 'build', `--${bundler}`], limits);
      const port = Number(process.env.E2E_PORT ?? 4699) + 2;
      const server = spawn(process.execPath, [program, 'start', '--port', String(port)], { cwd: folder, env });
      const context = await browser.newContext();
      try {
        const url = `http://localhost:${port}/`;
        await expect
          .poll(() =>
            fetch(url).then(
              ({ status }) => status,
              () => 0,
            ),
          )
          .toBe(200);
        const html = await (await fetch(url)).text();
        expect(html).toContain('<swin-face');
        expect(html).toContain('data-imported="function"');
        await expectReport(await context.newPage(), url);
      } finally {
        await context.close();
        server.kill();
      }
    });
  }
}
