import AxeBuilder from '@axe-core/playwright';
import type { Locator, Page } from '@playwright/test';
import type { SwinFaceElement } from '@swinface/widget';
import { test as base, expect, labelTrouble, screenPath } from './fixtures.js';
import { samplePhoto } from './samples.js';

/** Fails on whatever the stranger's Content-Security-Policy stopped. */
const test = base.extend<{ readonly violations: readonly string[] }>({
  violations: [
    async ({ context }, use) => {
      const violations: string[] = [];
      context.on('console', (message) => {
        if (/content security policy/i.test(message.text())) violations.push(message.text());
      });
      await use(violations);
      expect(violations, 'what the policy stopped').toEqual([]);
    },
    { auto: true },
  ],
});

interface Kept {
  readonly streams: MediaStream[];
}

/** Keeps the streams that the page was given, to see whether it lets go of them. */
const keepStreams = () => {
  const streams: MediaStream[] = [];
  if (navigator.mediaDevices) {
    const original = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (constraints) => {
      const stream = await original(constraints);
      streams.push(stream);
      return stream;
    };
  }
  Object.assign(globalThis, { streams });
};

const trackStates = (page: Page) =>
  page.evaluate(() =>
    (globalThis as unknown as Kept).streams.flatMap((stream) => stream.getTracks().map((track) => track.readyState)),
  );

const live = (page: Page) => page.locator('swin-face.live');
const state = (widget: Locator, name: string) => expect(widget).toHaveAttribute('data-state', name);

async function startCamera(page: Page): Promise<Locator> {
  const widget = live(page);
  await widget.getByRole('button', { name: 'Start the camera' }).click();
  await state(widget, 'running');
  return widget;
}

test.beforeEach(async ({ page, context }) => {
  await context.grantPermissions(['camera']);
  await page.addInitScript(keepStreams);
});

test('on a stranger’s page with a strict policy: nothing before the click, faces after it, nothing after stop', async ({
  page,
  requests,
}) => {
  const response = await page.goto('');
  expect(response?.headers()['content-security-policy']).toBe(
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'",
  );
  const widget = live(page);
  await expect(widget.getByText('Your camera is off')).toBeVisible();
  expect(await trackStates(page)).toEqual([]);
  // Left to itself, the SDK takes WebAssembly where the adapter is software.
  if (test.info().project.name.endsWith('WebGPU')) {
    await widget.evaluate((host) => Object.assign(host, { options: { engine: 'webgpu' } }));
  }
  const early = requests.map((request) => new URL(request.url()).pathname);
  expect(early.filter((path) => /safetensors|\.wasm|\.task|models/.test(path))).toEqual([]);
  const code = early.filter((path) => path.endsWith('.js'));

  await widget.getByRole('button', { name: 'Start the camera' }).click();
  await expect(widget.getByText('Camera on')).toBeVisible();
  await expect(page.locator('#count')).toHaveText('1');
  await expect(widget.getByRole('list', { name: 'Results' })).toContainText('Apparent age');
  await expect(widget.locator('.overlay .mark')).toHaveCount(1);
  const late = requests.map((request) => new URL(request.url()).pathname).filter((path) => path.endsWith('.js'));
  expect(late.length, 'the engine’s code comes after the click').toBeGreaterThan(code.length);
  expect(late.every((path) => path.startsWith('/static/'))).toBe(true);

  // The face is in the left third of the camera's picture, hence in the right third of the mirror.
  const centre = await widget.evaluate((host) => {
    const frame = host.shadowRoot?.querySelector('video')?.getBoundingClientRect();
    const box = host.shadowRoot?.querySelector('.target')?.getBoundingClientRect();
    return frame && box ? (box.x + box.width / 2 - frame.x) / frame.width : Number.NaN;
  });
  expect(centre).toBeGreaterThan(0.6);
  expect(centre).toBeLessThan(0.8);
  await page.screenshot({ path: screenPath('embed-running'), fullPage: true });

  await widget.getByRole('button', { name: 'Stop' }).click();
  await state(widget, 'ready');
  expect(await trackStates(page)).toEqual(['ended']);
  await expect(widget.getByText('Camera on')).toBeHidden();
  await expect(widget.getByRole('list', { name: 'Results' })).toHaveCount(0);

  await startCamera(page);
  expect(await trackStates(page)).toEqual(['ended', 'live']);
});

const ENDINGS: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  'it is removed': (page) => live(page).evaluate((host) => host.remove()),
  'it is hidden': (page) => live(page).evaluate((host) => host.toggleAttribute('hidden', true)),
  'an ancestor is made invisible': (page) =>
    page.locator('#mirror').evaluate((section) => {
      (section as HTMLElement).style.visibility = 'hidden';
    }),
  'the page is hidden': (page) =>
    page.evaluate(() => {
      Object.defineProperty(document, 'visibilityState', { get: () => 'hidden', configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }),
  'the page is left': (page) => page.evaluate(() => dispatchEvent(new PageTransitionEvent('pagehide'))),
};

for (const [what, end] of Object.entries(ENDINGS)) {
  test(`the camera goes off when ${what}`, async ({ page }) => {
    await page.goto('');
    await startCamera(page);
    expect(await trackStates(page)).toEqual(['live']);
    await end(page);
    await expect.poll(() => trackStates(page)).toEqual(['ended']);
  });
}

test('a camera that is stopped while the browser still asks is let go of', async ({ page }) => {
  await page.addInitScript(() => {
    const original = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (constraints) => {
      await new Promise((resolve) => Object.assign(globalThis, { answer: resolve }));
      return original(constraints);
    };
  });
  await page.goto('');
  const widget = live(page);
  await widget.getByRole('button', { name: 'Start the camera' }).click();
  await widget.getByRole('button', { name: 'Stop' }).click();
  await page.evaluate(() => (globalThis as unknown as { answer: () => void }).answer());
  // It came after all, and was not kept.
  await expect.poll(() => trackStates(page)).toEqual(['ended']);
  await state(widget, 'ready');
});

test('a script cannot start the camera without a person', async ({ page }) => {
  await page.addInitScript(() => {
    addEventListener('load', async () => {
      await customElements.whenDefined('swin-face');
      const widget = document.querySelector('swin-face') as SwinFaceElement;
      const outcome = await widget.start().then(
        () => 'started',
        (error) => error.name,
      );
      document.documentElement.dataset.outcome = outcome;
    });
  });
  await page.goto('');
  await expect(page.locator('html')).toHaveAttribute('data-outcome', 'NotAllowedError');
  expect(await trackStates(page)).toEqual([]);
  await state(live(page), 'ready');
});

for (const [name, expected, words] of [
  ['NotAllowedError', 'denied', 'The camera is not allowed here'],
  ['NotFoundError', 'absent', 'No camera was found'],
  ['NotReadableError', 'busy', 'The camera is busy'],
] as const) {
  test(`${name} is told as ${expected}, in the page’s words where it has some`, async ({ page }) => {
    await page.addInitScript((errorName) => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('as a test wants it', errorName));
    }, name);
    await page.goto('');
    const widget = live(page);
    await widget.getByRole('button', { name: 'Start the camera' }).click();
    await state(widget, expected);
    await expect(widget.getByRole('alert')).toContainText(words);
    // The keyboard's place is not lost with the button that was pressed.
    await expect(widget.getByRole('button', { name: 'Start again' })).toBeFocused();
    await widget.evaluate((host, slot) => {
      const own = document.createElement('p');
      own.slot = slot;
      own.textContent = 'Ask at the desk.';
      host.append(own);
    }, expected);
    await expect(widget.getByText('Ask at the desk.')).toBeVisible();
    await expect(widget.getByText(words)).toBeHidden();
  });
}

test('in a frame that is given no camera, a person is told what the page around it must write', async ({ page }) => {
  await page.goto('');
  await page.evaluate(() => {
    const frame = document.createElement('iframe');
    frame.allow = "camera 'none'";
    frame.src = '/';
    document.body.append(frame);
  });
  const widget = page.frameLocator('iframe').locator('swin-face.live');
  await widget.getByRole('button', { name: 'Start the camera' }).click();
  await expect(widget.getByRole('alert')).toContainText('allow="camera"');
});

test('a browser that offers no camera is told', async ({ page }) => {
  await page.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'mediaDevices'));
  await page.goto('');
  await live(page).getByRole('button', { name: 'Start the camera' }).click();
  await state(live(page), 'unsupported');
});

test('a missing model is told, in the page’s words where it has some, and the camera goes off', async ({ page }) => {
  await page.route('**/static/models/**', (route) => route.fulfill({ status: 404, body: 'Not found' }));
  await page.goto('');
  const errors = live(page).evaluate(
    (host) =>
      new Promise((resolve) =>
        (host as SwinFaceElement).addEventListener('swin-error', ({ detail }) => resolve(String(detail.error))),
      ),
  );
  await live(page).getByRole('button', { name: 'Start the camera' }).click();
  await state(live(page), 'no-model');
  expect(await errors).toContain('404');
  expect(await trackStates(page)).toEqual(['ended']);
  const photo = page.locator('swin-face.photo');
  await photo.locator('input').setInputFiles(samplePhoto(3));
  await expect(photo.getByText('The mirror is being cleaned.')).toBeVisible();

  await page.unroute('**/static/models/**');
  await live(page).getByRole('button', { name: 'Try again' }).click();
  await state(live(page), 'running');
});

test('a widget without a model says so', async ({ page }) => {
  await page.goto('');
  await live(page).evaluate((host) => host.removeAttribute('model'));
  await live(page).getByRole('button', { name: 'Start the camera' }).click();
  await state(live(page), 'no-model');
});

test('the page’s own picture: only what was asked for is computed, shown and told', async ({ page }) => {
  await page.goto('');
  const widget = page.locator('swin-face.group');
  const told = widget.evaluate(
    (host) =>
      new Promise<string>((resolve) =>
        (host as SwinFaceElement).addEventListener('swin-faces', ({ detail }) => resolve(JSON.stringify(detail.faces))),
      ),
  );
  await widget.getByRole('button', { name: 'Analyse the picture' }).click();
  await state(widget, 'done');
  await expect(widget.locator('[part="face"]')).toHaveCount(3);
  const faces = JSON.parse(await told) as Record<string, unknown>[];
  for (const face of faces) {
    expect(face.embedding).toBeUndefined();
    expect(face.gender).toBeUndefined();
    expect(Object.keys(face.attributeProbabilities as object).sort()).toEqual(['Eyeglasses', 'Smiling']);
    expect(face.age === undefined).toBe(false);
  }
  // Each box lies on the picture where its face does: the overlay covers exactly the slotted picture.
  const [picture, overlay] = await widget.evaluate((host) =>
    [host.querySelector('img'), host.shadowRoot?.querySelector('.overlay')]
      .map((element) => element?.getBoundingClientRect() ?? new DOMRect())
      .map(({ x, y, width, height }) => [x, y, width, height]),
  );
  // The browser rounds to 64ths of a pixel.
  for (const [i, side] of (picture ?? []).entries()) expect(overlay?.[i]).toBeCloseTo(side, 1);
});

test('a photo of one’s own: value-laden attributes stay away unless asked for', async ({ page }) => {
  await page.goto('');
  const widget = page.locator('swin-face.photo');
  const attributes = () =>
    widget.evaluate((host) =>
      (host as SwinFaceElement).faces.flatMap(({ attributeProbabilities }) => Object.keys(attributeProbabilities)),
    );
  const chooser = page.waitForEvent('filechooser');
  await widget.getByRole('button', { name: 'Choose a photo' }).click();
  await (await chooser).setFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') });
  await state(widget, 'unreadable');
  await widget.locator('input').setInputFiles(samplePhoto(3));
  await state(widget, 'done');
  await expect(widget.getByRole('img')).toBeVisible();
  const shown = await attributes();
  expect(shown.length).toBeGreaterThan(3 * 15);
  for (const name of ['Attractive', 'Chubby', 'Big Nose', 'Pale Skin', 'Double Chin'])
    expect(shown).not.toContain(name);

  await widget.evaluate((host) => host.setAttribute('outputs', 'Chubby, Age'));
  await state(widget, 'ready');
  await widget.locator('input').setInputFiles(samplePhoto(3));
  await state(widget, 'done');
  expect(new Set(await attributes())).toEqual(new Set(['Chubby']));
});

test('the page’s own video is followed while it plays', async ({ page }) => {
  await page.goto('');
  const widget = page.locator('swin-face.group');
  await widget.evaluate(async (host) => {
    const picture = host.querySelector('img');
    const video = document.createElement('video');
    const stream = await navigator.mediaDevices.getUserMedia({ video: true });
    video.slot = 'media';
    video.muted = true;
    video.srcObject = stream;
    video.setAttribute('aria-label', 'A film');
    picture?.replaceWith(video);
    await video.play();
  });
  await widget.getByRole('button', { name: 'Analyse the video' }).click();
  await state(widget, 'running');
  await expect(widget.locator('[part="face"]')).toHaveCount(1);
  await widget.getByRole('button', { name: 'Stop' }).click();
  await state(widget, 'ready');
  // The page's stream is the page's: the widget stops its own work only.
  expect(await trackStates(page)).toEqual(['live']);
});

/** Of what the widget drew over the face: how much glows, and that the levels are told beside the strongest. */
const glowing = (widget: Locator) =>
  widget.locator('[part="explanation"] canvas').evaluate((canvas) => {
    if (!(canvas instanceof HTMLCanvasElement)) throw new TypeError('not a canvas');
    const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
    let warm = 0;
    for (let i = 0; i < data.length; i += 4) if ((data[i] ?? 0) > 150) warm += 1;
    return warm / (data.length / 4);
  });

test('what the network looked at: asked for one face of a picture and one answer at a time', async ({ page }) => {
  await page.goto('');
  const widget = page.locator('swin-face.group');
  await widget.evaluate((host) => {
    const seen: string[] = [];
    Object.assign(globalThis, { seen });
    (host as SwinFaceElement).addEventListener('swin-explanation', ({ detail }) => {
      seen.push(`${detail.face} ${detail.explanation.task}`);
    });
  });
  await widget.getByRole('button', { name: 'Analyse the picture' }).click();
  await state(widget, 'done');
  const ask = widget.getByRole('button', { name: /^What the network looked at: Face \d$/ });
  await expect(ask).toHaveCount(3);
  await expect(widget.getByRole('img', { name: /network/ })).toHaveCount(0);

  // From the keyboard: the choice has the focus, and gives it back.
  await ask.nth(1).press('Enter');
  const panel = widget.getByRole('group', { name: 'What the network looked at: Face 2' });
  const choice = panel.getByRole('combobox', { name: 'For the answer' });
  await expect(choice).toBeFocused();
  // Only what the page asked for can be asked about.
  expect((await choice.getByRole('option').allTextContents()).sort()).toEqual(['Apparent age', 'glasses', 'smiling']);
  await expect(panel.getByText('Glowing places raised the apparent age.')).toBeVisible();
  await expect(panel.getByRole('img', { name: /looked at: Apparent age$/ })).toBeVisible();
  // The picture is darkened to at most 140 of 255: what is brighter glows. Something does, and not everything.
  const age = await glowing(widget);
  expect(age).toBeGreaterThan(0.005);
  expect(age).toBeLessThan(0.98);
  const levels = (await panel.locator('[part="levels"] dd').allTextContents()).map((text) => Number.parseFloat(text));
  expect(levels).toHaveLength(4);
  expect(Math.max(...levels)).toBe(100);
  expect(Math.min(...levels)).toBeGreaterThanOrEqual(0);

  await choice.selectOption('Smiling');
  await expect(panel.locator('.said')).toContainText('smiling');
  await expect(panel.getByRole('img', { name: /looked at: smiling$/ })).toBeVisible();
  expect(await page.evaluate(() => (globalThis as unknown as { seen: string[] }).seen)).toEqual(['2 Age', '2 Smiling']);
  await panel.getByRole('button', { name: 'Close' }).press('Enter');
  await expect(panel).toHaveCount(0);
  await expect(ask.nth(1)).toBeFocused();

  // Who does not want it on the page does not get it.
  await widget.evaluate((host) => host.removeAttribute('explain'));
  await expect(ask).toHaveCount(0);
});

test('what the network looked at in a moment of the camera stays while the camera goes on', async ({ page }) => {
  await page.goto('');
  const widget = await startCamera(page);
  await widget.evaluate((host) => host.setAttribute('locale', 'de'));
  await widget.getByRole('button', { name: /^Worauf das Netz geschaut hat: Gesicht \d+$/ }).click();
  const panel = widget.getByRole('group', { name: /^Worauf das Netz geschaut hat/ });
  await expect(panel.getByRole('combobox')).toHaveValue('Expression');
  await expect(panel.getByText('Das Bild zeigt den Moment')).toBeVisible();
  await expect(panel.getByRole('img')).toBeVisible();
  const frozen = await glowing(widget);
  expect(frozen).toBeGreaterThan(0.005);
  // The camera goes on, what was looked at does not change with it.
  await widget.evaluate(
    (host) => new Promise((resolve) => host.addEventListener('swin-faces', () => resolve(undefined), { once: true })),
  );
  await state(widget, 'running');
  expect(await glowing(widget)).toBe(frozen);
  await widget.getByRole('button', { name: 'Stopp' }).click();
  await expect(panel).toHaveCount(0);
});

test('the keyboard is enough, and its place is kept', async ({ page }) => {
  await page.goto('');
  for (let i = 0; i < 4; i += 1) await page.keyboard.press('Tab');
  await expect(live(page).getByRole('button', { name: 'Start the camera' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(live(page).getByRole('button', { name: 'Stop' })).toBeFocused();
  await state(live(page), 'running');
  await page.keyboard.press('Enter');
  await expect(live(page).getByRole('button', { name: 'Start the camera' })).toBeFocused();
  expect(await trackStates(page)).toEqual(['ended']);
});

test('a screen reader hears the results, and not every frame', async ({ page }) => {
  await page.goto('');
  const widget = await startCamera(page);
  await expect(widget.getByRole('status')).toHaveText(/1 face in view\. Face 1: Apparent age \d+/);
  const { changes, frames } = await widget.evaluate(async (host) => {
    let changes = 0;
    let frames = 0;
    const region = host.shadowRoot?.querySelector('[role=status]');
    if (region) new MutationObserver(() => (changes += 1)).observe(region, { childList: true, characterData: true });
    host.addEventListener('swin-faces', () => (frames += 1));
    // Long enough for two changes at most: one every five seconds.
    await new Promise((resolve) => setTimeout(resolve, 9000));
    return { changes, frames };
  });
  expect(frames).toBeGreaterThan(2);
  expect(changes).toBeLessThanOrEqual(2);
});

test('Arabic runs from right to left, German fits, and a page can reword', async ({ page }) => {
  await page.goto('');
  const widget = live(page);
  await widget.evaluate((host) => host.setAttribute('locale', 'ar'));
  await expect(widget.getByRole('button', { name: 'تشغيل الكاميرا' })).toBeVisible();
  await expect(widget.locator('.widget')).toHaveCSS('direction', 'rtl');
  const edges = await widget.evaluate((host) => {
    const card = host.shadowRoot?.querySelector('.card')?.getBoundingClientRect();
    const button = host.shadowRoot?.querySelector('.card button')?.getBoundingClientRect();
    return { card: card?.right ?? 0, button: button?.right ?? Number.NaN };
  });
  expect(edges.card - edges.button).toBeLessThan(40);
  await widget.getByRole('button').click();
  await state(widget, 'running');
  await expect(widget.getByRole('list')).toContainText('العمر الظاهري');
  await page.screenshot({ path: screenPath('embed-arabic') });
  await widget.evaluate((host) => host.removeAttribute('locale'));
  await page.evaluate(() => document.documentElement.setAttribute('lang', 'de-CH'));
  await widget.evaluate((host) => {
    (host as SwinFaceElement).strings = { stop: 'Genug' };
  });
  await expect(widget.getByRole('button', { name: 'Genug' })).toBeVisible();
  await expect(widget.getByText('Kamera an')).toBeVisible();
});

test('who asked for less motion gets none', async ({ page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.goto('');
  const widget = await startCamera(page);
  const running = await widget.evaluate((host) => host.shadowRoot?.getAnimations().length);
  expect(running).toBe(0);
});

for (const [name, colorScheme, width] of [
  ['light', 'light', 1280],
  ['dark', 'dark', 1280],
  ['narrow', 'light', 360],
] as const) {
  test(`${name}: fits, and axe finds nothing, ready, running, done and in trouble`, async ({ page }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 900 });
    await page.goto('');
    await page
      .locator('swin-face.photo')
      .locator('input')
      .setInputFiles({
        name: 'notes.txt',
        mimeType: 'text/plain',
        buffer: Buffer.from('no picture'),
      });
    await state(page.locator('swin-face.photo'), 'unreadable');
    const check = async () => {
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow).toBe(0);
    };
    await check();
    await page.screenshot({ path: screenPath(`embed-${name}-ready`), fullPage: true });
    await startCamera(page);
    await expect(page.locator('#count')).toHaveText('1');
    await page.locator('swin-face.group').getByRole('button').click();
    const group = page.locator('swin-face.group');
    await state(group, 'done');
    await group.getByRole('button', { name: 'What the network looked at: Face 1' }).click();
    await expect(group.getByRole('img', { name: /network looked at/ })).toBeVisible();
    expect(await labelTrouble(group)).toEqual([]);
    expect(await labelTrouble(live(page))).toEqual([]);
    await check();
    await page.screenshot({ path: screenPath(`embed-${name}`), fullPage: true });
  });
}
