import type { Page } from '@playwright/test';

/** Bytes of JavaScript memory on the page after a collection. */
export async function heap(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  await session.detach();
  return usedSize;
}

/** Bytes of a page as the browser counts them, its workers included, and how many of them are workers'. */
export interface WholeMemory {
  readonly bytes: number;
  readonly workers: number;
}

/** Measures a page and its workers; only pages that are cross-origin isolated may ask for that. */
export async function memory(page: Page): Promise<WholeMemory> {
  return page.evaluate(async () => {
    // Not in TypeScript's library yet.
    const measuring = performance as unknown as {
      measureUserAgentSpecificMemory(): Promise<{
        bytes: number;
        breakdown: readonly { bytes: number; attribution: readonly { scope: string }[] }[];
      }>;
    };
    const { bytes, breakdown } = await measuring.measureUserAgentSpecificMemory();
    const workers = breakdown.filter(({ attribution }) => attribution.some(({ scope }) => /Worker/.test(scope)));
    return { bytes, workers: workers.reduce((sum, part) => sum + part.bytes, 0) };
  });
}
