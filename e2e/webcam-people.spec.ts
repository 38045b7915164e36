import type { Page } from '@playwright/test';
import { acceptUntrained, expect, isTrained, test } from './fixtures.js';

test.skip(!isTrained, 'Recognising people needs weights that mean something.');

const start = async (page: Page) => {
  await page.getByRole('button', { name: 'Start the camera' }).click();
  await acceptUntrained(page);
  await expect(page.getByRole('status').first()).toHaveText(/1 face in view/);
};

const panel = (page: Page) => page.getByRole('region', { name: 'Who is it?' });
const told = (page: Page) => panel(page).getByRole('status');
const person = (page: Page, name: string) => panel(page).locator(`[data-key="Person/${name}"]`);
const databases = (page: Page) =>
  page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name).filter((name) => name !== undefined));

const enrol = async (page: Page, name: string) => {
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByRole('button', { name: /^Enrol face \d+$/ }).click();
  await expect(told(page)).toHaveText(`${name} is enrolled.`);
};

test('whom a visitor names is recognised, kept only when ticked, and forgotten for good', async ({ page, context }) => {
  await context.grantPermissions(['camera']);
  await page.goto('webcam/');
  await expect(panel(page)).toBeHidden();
  await start(page);
  await expect(panel(page).getByText('known to this page until you leave it')).toBeVisible();
  await enrol(page, 'Ada');
  await expect(panel(page).locator('.verdict')).toContainText(/^Face \d+ is taken for Ada: likeness [01]\.\d\d/);
  await expect(page.getByRole('status').first()).toHaveText('1 face in view: Ada');
  await expect(page.locator('.overlay text')).toHaveText(/^\d+ Ada$/);
  expect(Number(await person(page, 'Ada').getAttribute('data-value'))).toBeGreaterThan(0.8);

  // The same name again is refused, and nothing has been written anywhere.
  await page.getByRole('textbox', { name: 'Name' }).fill('Ada');
  await page.getByRole('button', { name: /^Enrol face/ }).click();
  await expect(told(page)).toHaveText(/enrolled already/);
  expect(await databases(page)).toEqual([]);
  expect(await page.evaluate(() => Object.keys(localStorage))).toEqual([]);

  // The rates are those that were measured, in words that hide nothing.
  const { verification } = await page.evaluate(
    async () => (await (await fetch('../assets/models/swinface-mobile.json')).json()).calibration,
  );
  const rates = panel(page).getByRole('combobox', { name: 'Two strangers are taken for one in' });
  await expect(rates.getByRole('option')).toHaveCount(verification.length);
  for (const { falseMatchRate, falseNonMatchRate } of verification) {
    await rates.selectOption(String(falseMatchRate));
    await expect(panel(page).locator('#match-rate-note')).toContainText(
      `misses the same person ${Math.round(100 * falseNonMatchRate)} times in 100.`,
    );
  }

  const tick = panel(page).getByRole('checkbox', { name: /Remember them in this browser for 30 days/ });
  await expect(tick).not.toBeChecked();
  await tick.check();
  await expect(told(page)).toHaveText(/Remembered for 30 days/);
  expect(await databases(page)).toEqual(['swinface-faces']);

  // The next visit knows who it was, before and after the camera is on.
  await page.reload();
  await expect(person(page, 'Ada')).toBeVisible();
  await expect(tick).toBeChecked();
  await start(page);
  await expect(panel(page).locator('.verdict')).toContainText('taken for Ada');

  await panel(page).getByRole('button', { name: 'Forget everyone' }).click();
  await expect(told(page)).toHaveText('Everyone is forgotten.');
  await expect(person(page, 'Ada')).toHaveCount(0);
  expect(await databases(page)).toEqual([]);
  await page.reload();
  await expect(page.getByRole('button', { name: 'Start the camera' })).toBeVisible();
  await expect(panel(page)).toBeHidden();
});

test('what one tab forgets, another forgets too, even if nobody can read it', async ({ page, context }) => {
  await context.grantPermissions(['camera']);
  await page.goto('webcam/');
  await start(page);
  await enrol(page, 'Ada');
  await panel(page)
    .getByRole('checkbox', { name: /Remember them in this browser/ })
    .check();
  await expect(told(page)).toHaveText(/Remembered for 30 days/);

  const other = await context.newPage();
  await other.goto('webcam/');
  await expect(person(other, 'Ada')).toBeVisible();
  await panel(other).getByRole('button', { name: 'Forget everyone' }).click();
  await expect(told(page)).toHaveText('Everyone was forgotten, in another tab.');
  await expect(person(page, 'Ada')).toHaveCount(0);
  await expect(panel(page).getByRole('button', { name: 'Forget everyone' })).toBeHidden();
  expect(await databases(page)).toEqual([]);

  // A database that this version cannot open can still be deleted.
  await page.close();
  await other.evaluate(
    () =>
      new Promise<void>((resolve, reject) => {
        const opening = indexedDB.open('swinface-faces', 99);
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => resolve(opening.result.close());
      }),
  );
  await other.reload();
  await expect(told(other)).toHaveText(/cannot be read here/);
  await panel(other).getByRole('button', { name: 'Forget everyone' }).click();
  await expect(panel(other)).toBeHidden();
  expect(await databases(other)).toEqual([]);
});

/** Two women of one photo, each in front of a camera that the test turns. */
const VIEWS = { right: [1470, 230, 450, 338], left: [255, 345, 450, 338] } as const;

/** A camera that shows parts of a photo that the page's own server has. */
const photoCamera = () => {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: 640, height: 480 });
  const photo = new Image();
  photo.src = '../assets/samples/sample3.jpg';
  let view: readonly number[] = [0, 0, 1, 1];
  let drift = 0;
  setInterval(() => {
    const [x = 0, y = 0, width = 1, height = 1] = view;
    drift += 0.4;
    canvas.getContext('2d')?.drawImage(photo, x, y + 5 * Math.sin(drift), width, height, 0, 0, 640, 480);
  }, 100);
  navigator.mediaDevices.getUserMedia = async () => {
    await photo.decode();
    return canvas.captureStream(10);
  };
  Object.assign(globalThis, {
    look: (at: readonly number[]) => {
      view = at;
    },
  });
};

const look = (page: Page, view: keyof typeof VIEWS) =>
  page.evaluate(
    (at) => (globalThis as unknown as { look: (at: readonly number[]) => void }).look(at),
    VIEWS[view] as readonly number[],
  );

test('somebody else is not taken for the one who was named', async ({ page }) => {
  await page.addInitScript(photoCamera);
  await page.goto('webcam/');
  await look(page, 'right');
  await start(page);
  await enrol(page, 'Ada');
  await expect(panel(page).locator('.verdict')).toContainText('taken for Ada');
  await look(page, 'left');
  await expect(panel(page).locator('.verdict')).toHaveText(
    /^Face \d+ is nobody here, as far as this model can tell\.$|^Unsure: face \d+ may be Ada or a stranger\./,
  );
  const stranger = Number(await person(page, 'Ada').getAttribute('data-value'));
  await look(page, 'right');
  await expect(panel(page).locator('.verdict')).toContainText('taken for Ada');
  // The average of a face's last frames still holds some of the stranger's at first.
  const similarity = async () => Number(await person(page, 'Ada').getAttribute('data-value'));
  await expect.poll(similarity).toBeGreaterThan(stranger + 0.1);
  await panel(page).getByRole('button', { name: 'Forget Ada' }).click();
  await expect(told(page)).toHaveText('Ada is forgotten.');
  await expect(page.getByRole('status').first()).toHaveText('1 face in view');
});
