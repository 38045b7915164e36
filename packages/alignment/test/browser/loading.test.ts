import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestPage, type TestPage } from '../support/browser.js';
import { landmarkModelPath } from '../support/landmark-model.js';
import type { PageAlignment, PageHarness } from './page.js';

declare const alignment: PageAlignment;
declare const harness: PageHarness;

let test: TestPage;
beforeAll(async () => {
  test = await openTestPage();
});
afterAll(() => test?.close());

describe('MediaPipeLocator.create', () => {
  it('takes the model as bytes, two at a time, and leaves the bytes alone', async () => {
    const seen = await test.page.evaluate(async () => {
      const model = new Uint8Array(await (await fetch('/assets/face_landmarker.task')).arrayBuffer());
      const before = model.slice();
      const open = () => alignment.MediaPipeLocator.create({ wasmPath: '/assets/mediapipe/', model });
      const [first, second] = await Promise.all([open(), open()]);
      first.dispose();
      first.dispose();
      const blob = await (await fetch('/assets/samples/sample3.jpg')).blob();
      const faces = (await second.locate(blob)).length;
      const disposed = await harness.rejection(first.locate(blob));
      second.dispose();
      return { faces, disposed, same: model.every((byte, i) => byte === before[i]) };
    });
    expect(seen.faces).toBe(3);
    expect(seen.disposed?.code).toBe('DISPOSED');
    expect(seen.same).toBe(true);
  });

  it('refuses every wrong model with a reason', async () => {
    const genuine = await readFile(landmarkModelPath());
    const tampered = Buffer.from(genuine);
    tampered[2_000_000] = (tampered[2_000_000] ?? 0) ^ 1;
    const urls = {
      missing: '/assets/not-there.task',
      tampered: test.publish('tampered.task', tampered),
      cut: test.publish('cut.task', genuine.subarray(0, 1_000_000)),
      page: '/packages/alignment/test/browser/page.html',
    };
    const errors = await test.page.evaluate(async (urls) => {
      const result: Record<string, { code: unknown; message: string } | undefined> = {};
      for (const [name, model] of Object.entries(urls)) {
        result[name] = await harness.rejection(
          alignment.MediaPipeLocator.create({ wasmPath: '/assets/mediapipe', model }),
        );
      }
      return result;
    }, urls);
    expect(errors.missing?.code).toBe('MODEL_DOWNLOAD');
    expect(errors.missing?.message).toContain('404');
    expect(errors.tampered?.code).toBe('WEIGHTS_INVALID');
    expect(errors.tampered?.message).toContain('64184e229b263107');
    expect(errors.cut?.code).toBe('WEIGHTS_INVALID');
    expect(errors.cut?.message).toContain('1000000 bytes');
    expect(errors.page?.code).toBe('MODEL_DOWNLOAD');
  });

  it('says where the wasm files were looked for', async () => {
    const error = await test.page.evaluate(() =>
      harness.rejection(
        alignment.MediaPipeLocator.create({ wasmPath: '/assets/nowhere', model: '/assets/face_landmarker.task' }),
      ),
    );
    expect(error?.code).toBe('UNSUPPORTED_DEVICE');
    expect(error?.message).toContain('/assets/nowhere');
  });

  it('stops when the caller gives up, in the middle of a search too', async () => {
    const seen = await test.page.evaluate(async () => {
      const options = { wasmPath: '/assets/mediapipe', model: '/assets/face_landmarker.task' };
      const early = await harness.rejection(
        alignment.MediaPipeLocator.create({ ...options, signal: AbortSignal.abort(new Error('early')) }),
      );
      const locator = await alignment.MediaPipeLocator.create(options);
      const blob = await (await fetch('/assets/samples/sample4.jpg')).blob();
      const controller = new AbortController();
      const running = harness.rejection(locator.locate(blob, { signal: controller.signal }));
      const start = performance.now();
      setTimeout(() => controller.abort(new Error('enough')), 100);
      const late = await running;
      const waited = performance.now() - start;
      const whileDisposed = harness.rejection(locator.locate(blob));
      setTimeout(() => locator.dispose(), 100);
      return { early, late, waited, disposed: await whileDisposed };
    });
    expect(seen.early?.message).toBe('early');
    expect(seen.late?.message).toBe('enough');
    expect(seen.disposed?.code).toBe('DISPOSED');
  });

  it('gives expression coefficients and transforms where they are asked for', async () => {
    const seen = await test.page.evaluate(async () => {
      const options = { wasmPath: '/assets/mediapipe', model: '/assets/face_landmarker.task' };
      const locator = await alignment.MediaPipeLocator.create({ ...options, blendshapes: true, transforms: true });
      const [face] = await locator.locate(await (await fetch('/assets/samples/sample3.jpg')).blob());
      locator.dispose();
      return {
        face: structuredClone(face),
        names: Object.keys(face?.blendshapes ?? {}),
        transform: [...(face?.transform ?? [])],
      };
    });
    expect(seen.names).toHaveLength(52);
    expect(seen.face?.blendshapes?.mouthSmileLeft).toBeGreaterThanOrEqual(0);
    expect(seen.transform).toHaveLength(16);
    expect(seen.transform[15]).toBeCloseTo(1, 5);
  });
});

describe('FaceApiLocator', () => {
  it('leaves another TensorFlow.js on the page as it found it', async () => {
    const seen = await test.page.evaluate(async () => {
      const shared = globalThis as { _tfengine?: unknown; _tfGlobals?: unknown };
      const mine = { engine: { name: 'mine' }, globals: new Map() };
      shared._tfengine = mine.engine;
      shared._tfGlobals = mine.globals;
      const locator = await alignment.FaceApiLocator.create({
        modelPath: '/assets/face-api',
        wasmPath: '/assets/tfjs',
      });
      const afterLoading = shared._tfengine === mine.engine && shared._tfGlobals === mine.globals;
      const faces = await locator.locate(await (await fetch('/assets/samples/sample3.jpg')).blob());
      const afterUse = shared._tfengine === mine.engine && shared._tfGlobals === mine.globals;
      locator.dispose();
      locator.dispose();
      const disposed = await harness.rejection(locator.locate(new ImageData(8, 8)));
      delete shared._tfengine;
      delete shared._tfGlobals;
      const again = await alignment.FaceApiLocator.create({ modelPath: '/assets/face-api', wasmPath: '/assets/tfjs' });
      const { description } = again;
      again.dispose();
      return {
        afterLoading,
        afterUse,
        faces: faces.length,
        disposed,
        description,
        clean: shared._tfengine === undefined,
      };
    });
    expect(seen).toMatchObject({ afterLoading: true, afterUse: true, faces: 3, clean: true });
    expect(seen.disposed?.code).toBe('DISPOSED');
    expect(seen.description).toContain('wasm');
  });

  it('refuses missing and wrong models with a reason', async () => {
    const manifest = [{ weights: [{ name: 'x', shape: [4], dtype: 'float32' }], paths: ['x.bin'] }];
    test.publish('wrong/ssd_mobilenetv1_model-weights_manifest.json', Buffer.from(JSON.stringify(manifest)));
    test.publish('wrong/ssd_mobilenetv1_model.bin', Buffer.alloc(16));
    const errors = await test.page.evaluate(async () => {
      const open = (modelPath: string) =>
        harness.rejection(alignment.FaceApiLocator.create({ modelPath, wasmPath: '/assets/tfjs' }));
      return { missing: await open('/assets/nowhere'), wrong: await open('/assets/wrong') };
    });
    expect(errors.missing?.code).toBe('MODEL_DOWNLOAD');
    expect(errors.missing?.message).toContain('ssd_mobilenetv1_model');
    expect(errors.wrong?.code).toBe('WEIGHTS_INVALID');
  });
});

describe('chooseLocator', () => {
  it('takes MediaPipe, else face-api with the reason, else says why neither', async () => {
    const seen = await test.page.evaluate(async () => {
      const good = { wasmPath: '/assets/mediapipe', model: '/assets/face_landmarker.task' };
      const bad = { ...good, model: '/assets/not-there.task' };
      const faceApi = { modelPath: '/assets/face-api', wasmPath: '/assets/tfjs' };
      const first = await alignment.chooseLocator({ mediapipe: good, faceApi });
      const second = await alignment.chooseLocator({ mediapipe: bad, faceApi });
      const result = {
        first: first.locator.name,
        failure: first.failure === undefined,
        second: second.locator.name,
        reason: second.reason,
      };
      first.locator.dispose();
      second.locator.dispose();
      const only = await harness.rejection(alignment.chooseLocator({ mediapipe: bad }));
      const neither = await harness.rejection(
        alignment.chooseLocator({ mediapipe: bad, faceApi: { ...faceApi, modelPath: '/assets/nowhere' } }),
      );
      const nothing = await harness.rejection(alignment.chooseLocator({}));
      const signal = AbortSignal.abort(new Error('stop'));
      const aborted = await harness.rejection(alignment.chooseLocator({ mediapipe: good, faceApi, signal }));
      return { ...result, only, neither, nothing, aborted };
    });
    expect(seen).toMatchObject({ first: 'mediapipe', failure: true, second: 'face-api' });
    expect(seen.reason).toContain('404');
    expect(seen.only?.code).toBe('MODEL_DOWNLOAD');
    expect(seen.neither?.code).toBe('UNSUPPORTED_DEVICE');
    expect(seen.neither?.message).toMatch(/not-there[\s\S]*nowhere/);
    expect(seen.nothing?.code).toBe('INVALID_INPUT');
    expect(seen.aborted?.message).toBe('stop');
  });
});

it('asked no other origin for anything', () => {
  expect(test.foreignRequests).toEqual([]);
});
