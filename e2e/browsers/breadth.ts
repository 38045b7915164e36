import type * as Swinface from 'swinface';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cameraFrame } from '../camera-video.js';
import { keepScreenshot, press, replaceCamera, trackStates, until, untilText } from './actions.js';
import { BROWSERS_OWN } from './firefox.js';
import type { Session } from './session.js';
import { openSite, openSites, REPORTS, type Sites } from './sites.js';
import { expectDocumented, MODEL } from './support.js';

/** A browser to try, and what is expected of it. */
export interface Subject {
  /** Starts it, with a proxy on this machine for everything but localhost. */
  open(proxy: number): Promise<Session>;
  /** The engine that runs there. */
  readonly engine: 'wasm' | 'webgpu';
  /** What the page says of the camera that the browser itself has. */
  readonly camera: 'No face in view' | 'No camera was found';
  /**
   * Whether what a page keeps is there on the next visit. WebKitGTK's sessions for WebDriver are private ones, which forget
   * a cache with the last page that holds it.
   */
  readonly remembers: boolean;
}

/** The SDK as the application holds it. */
type Application = typeof Swinface;

const SAMPLE = '/assets/samples/sample3.jpg';
/** Where a person sees the three faces of that sample, as shares of the picture. */
const SEEN = [
  [0.36, 0.34],
  [0.61, 0.27],
  [0.83, 0.32],
] as const;

/**
 * Tries everything that people are shown, once each, in one browser.
 *
 * @param title name of the browser, then what was switched on in it
 */
export function describeBrowser(title: string, { open, engine, camera, remembers }: Subject): void {
  describe(title, () => {
    let sites: Sites;
    let session: Session;
    let frame: Buffer;
    const query = engine === 'webgpu' ? '?engine=webgpu' : '';
    beforeAll(async () => {
      sites = await openSites();
      session = await open(sites.proxy.port);
      frame = await cameraFrame();
    });
    afterAll(async () => {
      await session?.close();
      await sites?.close();
    });

    it('finds the faces of a photo and fills all 43 outputs of each', async () => {
      await session.open(`${sites.pages.url}photo/${query}`);
      await press(session, 'Sample photo 3');
      await untilText(session, '.film [role=status]', '3 faces in');
      expect(await session.run(() => document.querySelector('[data-engine]')?.getAttribute('data-engine'))).toBe(
        engine,
      );
      const boxes = await session.run(() => {
        const frame = document.querySelector('.frame img')?.getBoundingClientRect() ?? new DOMRect();
        return [...document.querySelectorAll('.overlay .target')].map((target) => {
          const { left, top, right, bottom } = target.getBoundingClientRect();
          return {
            x: [(left - frame.left) / frame.width, (right - frame.left) / frame.width] as const,
            y: [(top - frame.top) / frame.height, (bottom - frame.top) / frame.height] as const,
          };
        });
      });
      const holding = SEEN.map(([x, y]) =>
        boxes.findIndex((box) => box.x[0] < x && x < box.x[1] && box.y[0] < y && y < box.y[1]),
      );
      expect([...holding].sort(), JSON.stringify(boxes)).toEqual([0, 1, 2]);

      const reports = await session.run(() =>
        [...document.querySelectorAll<HTMLInputElement>('input[type=radio]')].map((face) => {
          face.click();
          const all = (name: string) =>
            [...document.querySelectorAll(`.report [${name}]`)].map((each) => each.getAttribute(name) ?? '');
          return { outputs: all('data-output'), values: all('data-value') };
        }),
      );
      expect(reports).toHaveLength(3);
      for (const { outputs, values } of reports) {
        expect(outputs).toHaveLength(43);
        expect(new Set(outputs).size).toBe(43);
        const numbers = values.flatMap((value) => value.split(' ').map(Number));
        expect(numbers.length).toBeGreaterThan(43);
        expect(numbers.filter((number) => !Number.isFinite(number))).toEqual([]);
      }
      // Three faces, three answers.
      expect(new Set(reports.map(({ values }) => values.join())).size).toBe(3);
      await keepScreenshot(session, `photo ${title}`);
    });

    it('says what its own camera shows', async () => {
      await session.open(`${sites.pages.url}webcam/${query}`);
      await press(session, 'Start the camera');
      await untilText(session, '.film', camera);
    });

    it('follows a face before a camera, and lets go of the camera', async () => {
      await session.open(`${sites.pages.url}webcam/${query}`);
      await replaceCamera(session, frame);
      await press(session, 'Start the camera');
      await untilText(session, '.film [role=status]', '1 face in view');
      const centre = await session.run(() => {
        const frame = document.querySelector('video')?.getBoundingClientRect();
        const box = document.querySelector('.overlay .target')?.getBoundingClientRect();
        return frame && box ? (box.x + box.width / 2 - frame.x) / frame.width : Number.NaN;
      });
      // In the left third of the camera's picture, hence in the right third of the mirror.
      expect(centre).toBeGreaterThan(0.6);
      expect(centre).toBeLessThan(0.8);
      expect(await session.run(() => document.querySelectorAll('.report [data-output]').length)).toBe(43);
      await press(session, 'Stop');
      expect(await trackStates(session)).toEqual(['ended']);
    });

    it('shows faces in the widget on a stranger’s page, of a camera and of a picture', async () => {
      await session.open(sites.stranger.url);
      await replaceCamera(session, frame);
      await session.run((engine) => {
        for (const widget of document.querySelectorAll('swin-face')) Object.assign(widget, { options: { engine } });
      }, engine);
      await press(session, 'Start the camera', 'swin-face.live');
      await untilText(session, '#count', '1');
      const centre = await session.run(() => {
        const root = document.querySelector('swin-face.live')?.shadowRoot;
        const frame = root?.querySelector('video')?.getBoundingClientRect();
        const box = root?.querySelector('.target')?.getBoundingClientRect();
        return frame && box ? (box.x + box.width / 2 - frame.x) / frame.width : Number.NaN;
      });
      expect(centre).toBeGreaterThan(0.6);
      expect(centre).toBeLessThan(0.8);
      await press(session, 'Stop', 'swin-face.live');
      expect(await trackStates(session)).toEqual(['ended']);
      await press(session, 'Analyse the picture', 'swin-face.group');
      await until(session, 'Three faces in the picture', () =>
        document.querySelector('swin-face.group')?.shadowRoot?.textContent?.includes('3 faces in view'),
      );
    });

    it('runs the SDK in an application: answers, abort, dispose, and no weights on the second visit', async () => {
      const visit = async () => {
        sites.application.paths.length = 0;
        const outcome = await session.run(
          async (model, engine, photo) => {
            const { FaceAnalyzer } = globalThis as unknown as Application;
            Object.assign(window, { held: await caches.open('swinface-models') });
            const nameOf = (promise: Promise<unknown>) =>
              promise.then(
                () => 'no error',
                (error) => error.code ?? String(error),
              );
            const loading = new AbortController();
            const onProgress = () => loading.abort(new Error('changed my mind'));
            const aborted = await nameOf(FaceAnalyzer.create({ model, signal: loading.signal, onProgress }));
            const analyzer = await FaceAnalyzer.create({ model, engine });
            const blob = await (await fetch(photo)).blob();
            const analysing = new AbortController();
            const late = nameOf(analyzer.analyze(blob, { signal: analysing.signal }));
            analysing.abort(new Error('too slow'));
            const abortedLate = await late;
            const faces = await analyzer.analyze(blob);
            const { thread, engine: chosen } = analyzer;
            // The same faces on the other engine, which every browser has.
            const other = await FaceAnalyzer.create({ model, engine: 'wasm', locator: 'none' });
            const points = faces.map((face) => face.points);
            const again = await other.analyze(blob, { points });
            other.dispose();
            analyzer.dispose();
            return {
              errors: [aborted, abortedLate, await nameOf(analyzer.analyze(blob))],
              thread: thread.kind,
              engine: chosen.kind,
              ages: [faces, again].map((all) => all.map(({ age }) => age?.years ?? Number.NaN)),
              embeddings: [faces, again].map((all) => all.map(({ embedding }) => [...(embedding ?? [])])),
            };
          },
          MODEL,
          engine,
          SAMPLE,
        );
        const weights = sites.application.paths.filter((path) => path.endsWith('.safetensors'));
        return { ...outcome, weights: weights.length };
      };
      const open = async () => {
        await session.open(sites.application.url);
        await until(session, 'The SDK', () => 'FaceAnalyzer' in globalThis);
      };
      await open();
      const first = await visit();
      expect(first.errors).toEqual(['Error: changed my mind', 'Error: too slow', 'DISPOSED']);
      expect(first).toMatchObject({ thread: 'worker', engine });
      expect(first.weights).toBeGreaterThan(0);
      const [found = [], again = []] = first.embeddings;
      expect(found).toHaveLength(3);
      for (const [i, embedding] of found.entries()) {
        const cosine = embedding.reduce((sum, value, k) => sum + value * (again[i]?.[k] ?? Number.NaN), 0);
        // Two crops of one photo, cut on the GPU and on the CPU: at most 2/255 apart.
        expect(cosine).toBeGreaterThan(0.999);
        expect(Math.abs((first.ages[0]?.[i] ?? 0) - (first.ages[1]?.[i] ?? Number.NaN))).toBeLessThan(1);
      }
      if (remembers) await open();
      const second = await visit();
      expect(second.weights).toBe(0);
      expect(second.embeddings).toEqual(first.embeddings);
    });

    it.runIf(remembers)('works with the server gone after one visit', async () => {
      const site = await openSite();
      const analyse = async () => {
        await session.open(`${site.url}photo/`);
        // What was loaded before is not kept: the sample would not be.
        await until(session, 'The service worker', () => navigator.serviceWorker.controller !== null);
        await press(session, 'Sample photo 3');
        await untilText(session, '.film [role=status]', '3 faces in');
      };
      await analyse();
      await untilText(session, 'footer', 'now work without a network');
      await site.close();
      await expect(fetch(site.url)).rejects.toThrow();
      await analyse();
    });

    it('offers what the README says', () => expectDocumented(title, session));

    it('asked no other host for anything, and no policy stopped anything', async () => {
      const asked = sites.proxy.asked.filter((host) => !BROWSERS_OWN.test(host));
      expect(asked).toEqual([]);
      // This would have been noticed.
      await session.open(sites.stranger.url);
      await session.run(() => fetch('http://elsewhere.invalid/').catch(() => undefined));
      await expect.poll(() => sites.proxy.asked, { timeout: 10_000 }).toContain(REPORTS);
      expect(sites.proxy.asked).not.toContain('elsewhere.invalid');
    });
  });
}
