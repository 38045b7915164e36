import type { Page } from '@playwright/test';
import type * as Swinface from 'swinface';
import { expect, isTrained, test } from './fixtures.js';
import { openHarness } from './harness/build.js';
import { refusingProxy } from './proxy.js';

const MODEL = `/assets/${isTrained ? 'models' : 'untrained'}/swinface-mobile.json`;
/** Longer than anything here waits before it does something by itself; libraries' usage reports come by the minute. */
const STREAM_SECONDS = 65;
/** What is sent on leaving is sent by then. */
const SILENCE_AFTER_MS = 3000;

/** The SDK as the harness page holds it. */
type Harness = typeof Swinface;

/** Asks another host for something in every way that a page or a worker has; the names say which it was. */
const trespass = (page: Page) =>
  page.evaluate(async () => {
    const script = `
      fetch('http://worker-fetch.invalid/').catch(() => {});
      new WebSocket('ws://worker-socket.invalid/');
    `;
    new Worker(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })));
    fetch('http://page-fetch.invalid/').catch(() => {});
    fetch('https://page-secure.invalid/').catch(() => {});
    navigator.sendBeacon('http://page-beacon.invalid/', 'seen');
    new WebSocket('ws://page-socket.invalid/');
    new Image().src = 'http://page-image.invalid/';
  });

test('asks no other host for anything while a camera is watched, nor after', async ({ browser, baseURL }) => {
  const proxy = await refusingProxy();
  const context = await browser.newContext({
    baseURL: baseURL ?? '',
    permissions: ['camera'],
    // The page's own origin aside.
    proxy: { server: `http://127.0.0.1:${proxy.port}`, bypass: 'localhost' },
  });
  try {
    const page = await context.newPage();
    // No policy: whatever is tried is to get as far as the network.
    await openHarness(page, {}, 'open');
    const seen = await page.evaluate(
      async ([model, seconds]) => {
        const { FaceAnalyzer } = globalThis as unknown as Harness;
        const video = document.createElement('video');
        video.muted = true;
        video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
        document.body.append(video);
        await video.play();
        const analyzer = await FaceAnalyzer.create({ model, outputs: ['Recognition', 'Age'] });
        const end = performance.now() + 1000 * seconds;
        let frames = 0;
        let faces = 0;
        for await (const frame of analyzer.stream(video)) {
          frames++;
          faces += frame.faces.length;
          if (performance.now() > end) break;
        }
        const { thread, locator } = analyzer;
        analyzer.dispose();
        for (const track of video.srcObject.getVideoTracks()) track.stop();
        return { frames, faces, thread: thread.kind, locator: locator?.kind };
      },
      [MODEL, STREAM_SECONDS] as const,
    );
    test.info().annotations.push({ type: 'stream', description: JSON.stringify(seen) });
    expect(seen.thread).toBe('worker');
    // It was at work, on however busy a machine.
    expect(seen.frames).toBeGreaterThan(20);
    expect(seen.faces).toBeGreaterThan(0);
    await page.waitForTimeout(SILENCE_AFTER_MS);
    expect(proxy.asked, 'hosts asked for').toEqual([]);

    await trespass(page);
    await expect
      .poll(() => [...new Set(proxy.asked)].sort(), 'this would have been noticed')
      .toEqual([
        'page-beacon.invalid',
        'page-fetch.invalid',
        'page-image.invalid',
        'page-secure.invalid',
        'page-socket.invalid',
        'worker-fetch.invalid',
        'worker-socket.invalid',
      ]);
  } finally {
    await context.close();
    proxy.close();
  }
});
