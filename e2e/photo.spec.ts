import { readFile } from 'node:fs/promises';
import sharp, { type Sharp } from 'sharp';
import {
  acceptUntrained,
  analyzeSample,
  card,
  expect,
  isTrained,
  reportEmbedding,
  reportValues,
  test,
} from './fixtures.js';
import { FACES_IN_SAMPLE, samplePhoto } from './samples.js';

const EXPRESSIONS = ['surprise', 'fear', 'disgust', 'happiness', 'sadness', 'anger', 'neutral'];

/** A picture of nothing: uniform noise. */
const noise = async (): Promise<Buffer> => {
  let state = 1;
  const pixels = Buffer.from(
    Uint8Array.from({ length: 640 * 480 * 3 }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 24;
    }),
  );
  return sharp(pixels, { raw: { width: 640, height: 480, channels: 3 } })
    .png()
    .toBuffer();
};

test('finds every face of a sample photo and fills all 43 outputs of each on WebGPU', async ({ page }) => {
  await page.goto('photo/?engine=webgpu');
  await analyzeSample(page, 3);
  const engine = page.getByRole('region', { name: 'How it ran' });
  await expect(engine).toHaveAttribute('data-engine', 'webgpu');
  await expect(engine.locator('[data-stage="total"] dd')).toHaveText(/\d+(\.\d)? m?s/);

  const faces = page.getByRole('radio', { name: /^Face \d$/ });
  await expect(faces).toHaveCount(FACES_IN_SAMPLE[3] ?? 0);
  await expect(page.locator('.overlay .mark')).toHaveCount(FACES_IN_SAMPLE[3] ?? 0);
  const embeddings: number[][] = [];
  for (const face of await faces.all()) {
    await face.check();
    const outputs = await page
      .locator('.report [data-output]')
      .evaluateAll((elements) => elements.map((element) => element.getAttribute('data-output')));
    expect(new Set(outputs).size).toBe(43);
    expect(outputs).toHaveLength(43);

    const values = await reportValues(page);
    // Gender 2, Expression 7, Age 1, 39 attributes, similarity to the two other faces.
    expect(values.size).toBe(2 + 7 + 1 + 39 + 2);
    const value = (key: string) => values.get(key) ?? Number.NaN;
    for (const [key, number] of values) {
      expect(number, key).not.toBeNaN();
      if (key === 'Age') continue;
      expect(number, key).toBeGreaterThanOrEqual(key.startsWith('Recognition') ? -1 : 0);
      // Cosines and probabilities may pass 1 by float32 rounding.
      expect(number, key).toBeLessThanOrEqual(1 + 1e-6);
    }
    if (isTrained) expect(value('Age')).toBeGreaterThan(0);
    expect(value('Gender/female') + value('Gender/male')).toBeCloseTo(1, 5);
    expect(EXPRESSIONS.reduce((sum, label) => sum + value(`Expression/${label}`), 0)).toBeCloseTo(1, 5);
    const embedding = await reportEmbedding(page);
    expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
    embeddings.push(embedding);
  }
  // Three faces, three answers: nothing is copied from one to the next.
  expect(new Set(embeddings.map((embedding) => embedding.join())).size).toBe(3);
});

test('takes WebAssembly where the only adapter is software, and says why', async ({ page }) => {
  await page.goto('photo/');
  await analyzeSample(page, 3);
  const engine = page.getByRole('region', { name: 'How it ran' });
  await expect(engine).toHaveAttribute('data-engine', 'wasm');
  await expect(engine.locator('[data-key="engine"]')).toContainText('WebAssembly (relaxed SIMD');
  await expect(engine.locator('[data-key="engine"] small')).toContainText(/swiftshader.*software on the CPU/);
});

test('boxes lie on the faces, and a click on one chooses it', async ({ page }) => {
  await page.goto('photo/');
  await analyzeSample(page, 6);
  await expect(page.locator('.overlay .mark')).toHaveCount(FACES_IN_SAMPLE[6] ?? 0);
  const picture = await page.locator('.frame img').boundingBox();
  const boxes = await Promise.all((await page.locator('.overlay .target').all()).map((box) => box.boundingBox()));
  // Where a person sees the four faces, as fractions of the picture.
  const seen = [
    [0.18, 0.37],
    [0.4, 0.28],
    [0.69, 0.33],
    [0.83, 0.29],
  ] as const;
  for (const [x, y] of seen) {
    const hits = boxes.filter((box) => {
      if (!box || !picture) return false;
      const px = picture.x + x * picture.width;
      const py = picture.y + y * picture.height;
      return px > box.x && px < box.x + box.width && py > box.y && py < box.y + box.height;
    });
    expect(hits, `a box over (${x}, ${y})`).toHaveLength(1);
  }
  // Counted from the left.
  const lefts = await Promise.all(
    [1, 2, 3, 4].map(async (n) => (await page.locator(`.mark[data-face="${n}"] .target`).boundingBox())?.x ?? 0),
  );
  expect(lefts).toEqual([...lefts].sort((a, b) => a - b));
  await page.locator('.mark[data-face="3"] .target').click();
  await expect(page.getByRole('radio', { name: 'Face 3' })).toBeChecked();
  await expect(page.getByRole('heading', { name: 'Face 3 of 4' })).toBeVisible();
});

test('of many faces the most alike are listed, and the age stays near', async ({ page }) => {
  await page.goto('photo/');
  const half = async (n: number) => sharp(samplePhoto(n)).resize(1200, 900).toBuffer();
  const sheet = await sharp({ create: { width: 2400, height: 900, channels: 3, background: 'black' } })
    .composite([
      { input: await half(5), left: 0, top: 0 },
      { input: await half(6), left: 1200, top: 0 },
    ])
    .png()
    .toBuffer();
  await page.getByLabel('Photo file').setInputFiles({ name: 'sheet.png', mimeType: 'image/png', buffer: sheet });
  await acceptUntrained(page);
  await expect(page.locator('.film').getByRole('status')).toHaveText(/9 faces in/);
  const identity = page.locator('[data-output="Recognition"]');
  await expect(identity).toContainText(isTrained ? 'the 5 most alike of 8 other faces' : 'not trained');
  if (!isTrained) return;
  const similarities = (await identity.locator('.bars').innerText()).match(/-?0\.\d+/g)?.map(Number) ?? [];
  expect(similarities).toHaveLength(5);
  expect(similarities).toEqual([...similarities].sort((a, b) => b - a));
});

test('says what is wrong with a poor picture, and tells nobody apart by it', async ({ page }) => {
  test.skip(!isTrained, 'Untrained weights have no measured recognisability.');
  await page.goto('photo/');
  await analyzeSample(page, 6);
  const caution = page.locator('.caution');
  const likeness = page.locator('[data-output="Recognition"] .bars');
  await expect(caution).toBeHidden();
  await expect(likeness).not.toContainText('poor picture');
  const change: Readonly<Record<string, (photo: Sharp) => Sharp>> = {
    'in the dark': (photo) => photo.linear(0.06),
    blurred: (photo) => photo.blur(8),
    'very small': (photo) => photo.resize({ width: 160 }),
  };
  for (const [fault, spoil] of Object.entries(change)) {
    const buffer = await spoil(sharp(samplePhoto(6)).rotate())
      .png()
      .toBuffer();
    await page.getByLabel('Photo file').setInputFiles({ name: `${fault}.png`, mimeType: 'image/png', buffer });
    await expect(caution).toContainText(`Do not rely on these answers: the face is ${fault}`);
    await expect(likeness.getByText('unsure: poor picture')).toHaveCount(3);
  }
});

test('asks before it runs on untrained weights, and keeps saying so', async ({ page, requests }) => {
  await page.goto('photo/');
  const notice = page.getByRole('complementary', { name: 'Untrained weights' });
  if (isTrained) {
    await analyzeSample(page, 1);
    await expect(notice).toBeHidden();
    return;
  }
  await page.getByRole('button', { name: 'Sample photo 1' }).click();
  await expect(card(page, 'untrained')).toBeVisible();
  await expect(notice).toBeVisible();
  expect(requests.filter((request) => request.url().includes('/assets/untrained/'))).toEqual([]);
  await acceptUntrained(page);
  await expect(page.locator('.film').getByRole('status')).toHaveText(/3 faces in/);
  await expect(notice).toBeVisible();
  await expect(page.locator('.figure').first()).toHaveCSS('text-decoration-line', 'line-through');
});

test('takes an own file, a dropped one and a pasted one; a broken one gets a clear answer', async ({ page }) => {
  await page.goto('photo/');
  const status = page.locator('.film').getByRole('status');
  const file = page.getByLabel('Photo file');

  await file.setInputFiles({ name: 'broken.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('not a picture') });
  await expect(card(page, 'unreadable')).toContainText('not a picture this browser can read');
  await expect(page.getByRole('alert')).toBeVisible();

  const whole = await readFile(samplePhoto(1));
  await file.setInputFiles({ name: 'cut.jpg', mimeType: 'image/jpeg', buffer: whole.subarray(0, 100) });
  await expect(card(page, 'unreadable')).toBeVisible();

  await file.setInputFiles({ name: 'own.jpg', mimeType: 'image/jpeg', buffer: whole });
  await acceptUntrained(page);
  await expect(status).toHaveText(/3 faces in/);

  const give = (type: 'drop' | 'paste', name: string, bytes: Buffer) =>
    page.evaluate(
      ([kind, fileName, base64]) => {
        const data = new DataTransfer();
        const content = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        data.items.add(new File([content], fileName, { type: 'image/png' }));
        const event =
          kind === 'drop'
            ? new DragEvent('drop', { dataTransfer: data, cancelable: true, bubbles: true })
            : new ClipboardEvent('paste', { clipboardData: data, bubbles: true });
        document.body.dispatchEvent(event);
      },
      [type, name, bytes.toString('base64')] as const,
    );
  const nothing = await noise();
  await give('drop', 'noise.png', nothing);
  await expect(card(page, 'no-face')).toBeVisible();
  await expect(page.getByRole('radio')).toHaveCount(0);
  const one = await sharp(samplePhoto(3)).extract({ left: 1470, top: 230, width: 450, height: 338 }).png().toBuffer();
  await give('paste', 'one.png', one);
  await expect(status).toHaveText(/1 face in/);
  await expect(page.getByRole('heading', { name: 'One face' })).toBeVisible();
});

test('a photo turned by its EXIF data is shown and analysed upright', async ({ page }) => {
  await page.goto('photo/');
  // Stored lying on its side, with the tag that says how to stand it up.
  const lying = await sharp(samplePhoto(3)).resize(1200).rotate(-90).withMetadata({ orientation: 6 }).jpeg().toBuffer();
  await page.getByLabel('Photo file').setInputFiles({ name: 'lying.jpg', mimeType: 'image/jpeg', buffer: lying });
  await acceptUntrained(page);
  await expect(page.locator('.film').getByRole('status')).toHaveText(/3 faces in/);
  await expect(page.locator('.film')).toContainText('1200 \u00d7 844');
});

test('shows what the network looked at in the chosen face', async ({ page }) => {
  await page.goto('photo/');
  await analyzeSample(page, 3);
  const panel = page.getByRole('region', { name: 'What the network looked at' });
  await page.getByRole('radio', { name: 'Face 2' }).check();
  await panel.getByRole('button').click();
  const figures = panel.locator('figure');
  await expect(figures).toHaveCount(3, { timeout: 120_000 });
  const shown = await figures.evaluateAll((all) =>
    all.map((figure) => {
      const canvas = figure.querySelector('canvas');
      const { data } = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
      let warm = 0;
      for (let i = 0; i < data.length; i += 4) if ((data[i] ?? 0) > 150) warm++;
      return { task: figure.getAttribute('data-task'), warm: warm / (data.length / 4) };
    }),
  );
  expect(shown.map(({ task }) => task)).toEqual(['Age', 'Gender', 'Expression']);
  // The photo is darkened to at most 140 of 255: what is brighter glows. Something does, and not everything.
  for (const { warm } of shown) {
    expect(warm).toBeGreaterThan(0.005);
    expect(warm).toBeLessThan(0.98);
  }
  await page.getByRole('radio', { name: 'Face 1' }).check();
  await expect(figures).toHaveCount(0);
});
