import { chromium } from '@playwright/test';
import type { Session } from './session.js';

/** WebGPU on SwiftShader, as in all tests. */
const ARGUMENTS = ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

/** Starts Chromium by Playwright, which tests it in depth elsewhere. @param path the program */
export async function openChromium(path: string): Promise<Session> {
  const browser = await chromium.launch({ executablePath: path, args: ARGUMENTS });
  const page = await browser.newPage();
  return {
    name: `Chromium ${browser.version()}`,
    close: () => browser.close(),
    async open(url) {
      await page.goto(url);
    },
    run: (script, ...args) => page.evaluate(`(${script})(...${JSON.stringify(args)})`) as never,
    screenshot: () => page.screenshot(),
  };
}
