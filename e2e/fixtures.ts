import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test as base, expect, type Locator, type Page, type Request } from '@playwright/test';

const TRAINED = fileURLToPath(new URL('../dist/site/assets/models/swinface-mobile.json', import.meta.url));

/** Whether the pages were built with trained weights; without them the pages ask before they run on generated ones. */
export const isTrained = existsSync(TRAINED);

/** Where a screenshot for people goes. */
export const screenPath = (name: string): string =>
  fileURLToPath(new URL(`../test-results/screens/${name}.png`, import.meta.url));

/** The model's files, wherever the pages load them from. */
export const MANIFEST = '**/assets/{models,untrained}/swinface-mobile.json';
export const WEIGHTS = '**/assets/{models,untrained}/*.safetensors';

interface Fixtures {
  /** Every request of the test so far, of pages and workers alike. */
  readonly requests: readonly Request[];
}

/**
 * Playwright's test with two promises that every test here keeps: no request to another origin, and no error that
 * nobody caught.
 */
export const test = base.extend<Fixtures>({
  requests: [
    async ({ context, baseURL }, use) => {
      const requests: Request[] = [];
      const errors: string[] = [];
      context.on('request', (request) => requests.push(request));
      context.on('weberror', (error) => errors.push(String(error.error())));
      await use(requests);
      const foreign = requests
        .map((request) => new URL(request.url()))
        .filter(({ protocol }) => protocol !== 'blob:' && protocol !== 'data:')
        .filter(({ origin }) => origin !== new URL(baseURL ?? '').origin);
      expect(foreign.map(String), 'requests to other origins').toEqual([]);
      expect(errors, 'uncaught errors').toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

/** Clicks through the notice of untrained weights, where there is one. */
export async function acceptUntrained(page: Page): Promise<void> {
  if (isTrained) return;
  await page.getByRole('button', { name: 'Run it on untrained weights' }).click();
}

/** Analyses a bundled sample on the photo page and waits for its faces. */
export async function analyzeSample(page: Page, n: number): Promise<void> {
  await page.getByRole('button', { name: `Sample photo ${n}` }).click();
  await acceptUntrained(page);
  await expect(page.locator('.film').getByRole('status')).toHaveText(/\d faces? in/);
}

/** The card that tells what state the page is in. */
export const card = (page: Page, state: string) => page.locator(`.card[data-state="${state}"]`);

/** Every number that the report shows of the chosen face, by output and label. */
export async function reportValues(page: Page): Promise<Map<string, number>> {
  const entries = await page
    .locator('.report [data-value]')
    .evaluateAll((elements) =>
      elements.map((element) => [
        element.getAttribute('data-key') ?? element.getAttribute('data-output') ?? '',
        element.getAttribute('data-value') ?? '',
      ]),
    );
  return new Map(entries.filter(([key]) => key !== 'Recognition').map(([key, value]) => [key ?? '', Number(value)]));
}

/** The identity embedding that the report draws as a barcode. */
export async function reportEmbedding(page: Page): Promise<number[]> {
  const text = await page.locator('[data-output="Recognition"]').getAttribute('data-value');
  return (text ?? '').split(' ').map(Number);
}

/** What is wrong with the labels on the faces of an overlay: too small, out of the frame, or one over another. */
export const labelTrouble = (within: Locator): Promise<string[]> =>
  within.locator('.overlay').evaluateAll((overlays) =>
    overlays.flatMap((overlay) => {
      const frame = overlay.getBoundingClientRect();
      const plates = [...overlay.querySelectorAll('.tag')].map((tag) => ({
        name: tag.textContent ?? '',
        plate: tag.querySelector('.plate')?.getBoundingClientRect() ?? new DOMRect(),
        text: tag.querySelector('text')?.getBoundingClientRect() ?? new DOMRect(),
      }));
      if (plates.length === 0) return ['no labels'];
      return plates.flatMap(({ name, plate, text }, i) => [
        ...(text.height < 12 ? [`${name} is ${text.height.toFixed(1)} px high`] : []),
        ...(text.left < plate.left || text.right > plate.right ? [`${name} leaves its plate`] : []),
        ...(plate.left < frame.left - 1 ||
        plate.top < frame.top - 1 ||
        plate.right > frame.right + 1 ||
        plate.bottom > frame.bottom + 1
          ? [`${name} leaves the frame`]
          : []),
        ...plates
          .slice(i + 1)
          .filter(
            ({ plate: other }) =>
              plate.left < other.right - 0.5 &&
              other.left < plate.right - 0.5 &&
              plate.top < other.bottom - 0.5 &&
              other.top < plate.bottom - 0.5,
          )
          .map((other) => `${name} covers ${other.name}`),
      ]);
    }),
  );
