import { acceptUntrained, analyzeSample, expect, reportEmbedding, test } from './fixtures.js';

test('the second visit fetches no weights, and neither does one without a server for them', async ({
  page,
  requests,
}) => {
  const weights = () => requests.filter((request) => request.url().endsWith('.safetensors')).length;
  await page.goto('photo/');
  await analyzeSample(page, 3);
  const fetched = weights();
  expect(fetched).toBeGreaterThanOrEqual(6); // Of the model three or more, and three of the locator.
  const first = await reportEmbedding(page);

  await page.reload();
  await analyzeSample(page, 3);
  expect(weights()).toBe(fetched);
  expect(await reportEmbedding(page)).toEqual(first);

  await page.reload();
  await page.route('**/assets/{models,untrained}/**', (route) => route.abort('internetdisconnected'));
  await page.getByRole('button', { name: 'Sample photo 3' }).click();
  await acceptUntrained(page);
  await expect(page.locator('.film').getByRole('status')).toHaveText(/3 faces in/);
  expect(weights()).toBe(fetched);
  expect(await reportEmbedding(page)).toEqual(first);
});
