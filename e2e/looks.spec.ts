import type { Page } from '@playwright/test';
import sharp from 'sharp';
import { acceptUntrained, analyzeSample, expect, isTrained, labelTrouble, screenPath, test } from './fixtures.js';
import { samplePhoto } from './samples.js';

const screenshot = (page: Page, name: string) => page.screenshot({ path: screenPath(name), fullPage: true });

const overflow = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

test('the whole photo page works from the keyboard alone', async ({ page }) => {
  await page.goto('photo/');
  const focused = page.locator(':focus');
  const tabTo = async (name: string | RegExp) => {
    for (let i = 0; i < 30; i += 1) {
      await page.keyboard.press('Tab');
      const label = await page.evaluate(
        () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '',
      );
      if (typeof name === 'string' ? label === name : name.test(label)) return;
    }
    throw new Error(`Tab never reached ${name}`);
  };
  await page.keyboard.press('Tab');
  await expect(focused).toHaveText('Skip to results');
  await expect(focused).toBeInViewport();
  await tabTo('Sample photo 3');
  await expect(focused).toHaveCSS('outline-style', 'solid');
  await page.keyboard.press('Enter');
  if (!isTrained) {
    // The question takes the focus: Enter is enough to answer it.
    await expect(focused).toHaveText('Run it on untrained weights');
    await page.keyboard.press('Enter');
  }
  await expect(page.locator('.film').getByRole('status')).toHaveText(/3 faces in/);
  await tabTo('Face 1');
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('heading', { name: 'Face 2 of 3' })).toBeVisible();
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('heading', { name: 'Face 3 of 3' })).toBeVisible();
  await expect(page.locator('.overlay .mark.selected')).toHaveAttribute('data-face', '3');
  await tabTo(/labels of taste/);
  await expect(page.locator('[data-output="Attractive"]')).toBeHidden();
  await page.keyboard.press('Enter');
  await expect(page.locator('[data-output="Attractive"]')).toBeVisible();
});

for (const [name, colorScheme, width] of [
  ['light', 'light', 1440],
  ['dark', 'dark', 1440],
  ['narrow', 'light', 390],
] as const) {
  test(`photo page, ${name}: fits its window in every state`, async ({ page }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 900 });
    await page.goto('photo/');
    expect(await overflow(page)).toBe(0);
    const strip = page.getByRole('group', { name: 'Choose a photo', exact: true });
    const place = await strip.boundingBox();
    await screenshot(page, `photo-${name}-empty`);
    if (!isTrained) {
      await page.getByRole('button', { name: 'Sample photo 5' }).click();
      await screenshot(page, `photo-${name}-untrained`);
      await acceptUntrained(page);
      await expect(page.locator('.film').getByRole('status')).toHaveText(/5 faces in/);
    } else {
      await analyzeSample(page, 5);
    }
    expect(await overflow(page)).toBe(0);
    expect(await labelTrouble(page.locator('.film'))).toEqual([]);
    // Where people aim for the next photo, and the answers in sight, on a phone too.
    expect(await strip.boundingBox()).toEqual(place);
    await expect(page.locator('.report').getByRole('heading', { name: 'Face 1 of 5' })).toBeInViewport();
    await screenshot(page, `photo-${name}`);
    const background = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const [red = 0] = (background.match(/\d+/g) ?? []).map(Number);
    expect(red > 128).toBe(colorScheme === 'light');
  });
}

test('labels keep out of each other’s way where faces are close together, also when the window narrows', async ({
  page,
}) => {
  await page.goto('photo/');
  // Two faces of a sample, brought so close together that their boxes nearly touch.
  const [left, right] = await Promise.all(
    [
      { left: 580, top: 315, width: 250, height: 310 },
      { left: 1445, top: 275, width: 250, height: 310 },
    ].map((region) => sharp(samplePhoto(3)).extract(region).png().toBuffer()),
  );
  const close = await sharp({ create: { width: 500, height: 310, channels: 3, background: '#456' } })
    .composite([
      { input: left, left: 0, top: 0 },
      { input: right, left: 250, top: 0 },
    ])
    .png()
    .toBuffer();
  await page.getByLabel('Photo file').setInputFiles({ name: 'close.png', mimeType: 'image/png', buffer: close });
  await acceptUntrained(page);
  await expect(page.locator('.film').getByRole('status')).toHaveText(/2 faces in/);
  const film = page.locator('.film');
  expect(await labelTrouble(film)).toEqual([]);
  await screenshot(page, 'photo-close');
  await page.setViewportSize({ width: 360, height: 800 });
  await expect.poll(() => labelTrouble(film)).toEqual([]);
  await screenshot(page, 'photo-close-narrow');
});

test('the theme can be switched and is remembered', async ({ page }) => {
  await page.goto('photo/');
  const toggle = page.getByRole('button', { name: /^Theme/ });
  await toggle.click();
  await toggle.click();
  await expect(toggle).toHaveText('Theme: dark');
  await page.goto('webcam/');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
});

test('the landing page leads to the photo page, and the tabs to each other', async ({ page }) => {
  await page.goto('');
  await expect(page).toHaveURL(/\/photo\/$/);
  await page.getByRole('link', { name: 'Webcam' }).click();
  await expect(page).toHaveURL(/\/webcam\/$/);
  await expect(page.getByRole('link', { name: 'Webcam' })).toHaveAttribute('aria-current', 'page');
});
