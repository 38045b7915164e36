import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { inRepo } from '../../scripts/lib/repo.mjs';
import type { Session } from './session.js';

/** Milliseconds that a page may take to show something; software GPUs compile for long. */
const PATIENCE = 120_000;

/**
 * Asks the page until a function there gives something true.
 *
 * @throws {Error} with what the page shows instead
 */
export async function until<A extends readonly unknown[], R>(
  session: Session,
  what: string,
  script: (...args: A) => R,
  ...args: A
): Promise<NonNullable<Awaited<R>>> {
  const last = performance.now() + PATIENCE;
  for (;;) {
    const answer = await session.run(script, ...args);
    if (answer) return answer as NonNullable<Awaited<R>>;
    if (performance.now() > last) {
      const shown = await session.run(() => (document.body.textContent ?? '').replace(/\s+/g, ' ').slice(0, 600));
      throw new Error(`${what}: not seen in ${PATIENCE / 1000} s. The page shows: ${shown}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Waits until the text of an element holds some words. */
export const untilText = (session: Session, selector: string, words: string): Promise<boolean> =>
  until(
    session,
    `"${words}" in ${selector}`,
    (selector, words) => document.querySelector(selector)?.textContent?.includes(words) === true,
    selector,
    words,
  );

/** Presses a button by its name or text. @param host selector of the element in whose shadow it is */
export async function press(session: Session, name: string, host?: string): Promise<void> {
  await until(
    session,
    `A button "${name}"`,
    (name, host) => {
      const root = host ? document.querySelector(host)?.shadowRoot : document;
      const button = [...(root?.querySelectorAll('button') ?? [])].find(
        (each) => (each.getAttribute('aria-label') ?? each.textContent)?.trim() === name,
      );
      button?.click();
      return button !== undefined;
    },
    name,
    host,
  );
}

/** Makes the page's camera one that sees a picture, drifting a little, and that remembers what it gave out. */
export async function replaceCamera(session: Session, jpeg: Buffer): Promise<void> {
  await session.run(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes], { type: 'image/jpeg' }));
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [picture.width, picture.height];
    const context = canvas.getContext('2d');
    let frames = 0;
    const draw = () => context?.drawImage(picture, 0, 3 * Math.sin(frames++));
    draw();
    setInterval(draw, 100);
    const tracks: MediaStreamTrack[] = [];
    // On the prototype: WebKit may collect the object between two scripts, and what was set on it.
    MediaDevices.prototype.getUserMedia = async () => {
      const stream = canvas.captureStream(10);
      tracks.push(...stream.getTracks());
      return stream;
    };
    Object.assign(window, { tracks });
  }, jpeg.toString('base64'));
}

/** Of the camera that {@link replaceCamera} put there. */
export const trackStates = (session: Session): Promise<string[]> =>
  session.run(() => (window as unknown as { tracks: MediaStreamTrack[] }).tracks.map(({ readyState }) => readyState));

/** Keeps what the window shows, for people to look at. */
export async function keepScreenshot(session: Session, name: string): Promise<void> {
  const path = inRepo(`test-results/screens/${name}.png`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, await session.screenshot());
}
