import { chooseLocator, type LocatorChoice } from '@swinface/alignment';
import { FaceAnalyzer } from 'swinface';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { stubCanvas } from '../support/canvas.js';
import { gate, StubLocator, soon } from '../support/locator.js';
import { loadedModel } from '../support/model.js';

vi.mock('@swinface/alignment', { spy: true });

const choice = vi.mocked(chooseLocator);
const chosen = (locator: StubLocator, failure?: unknown): LocatorChoice => ({
  locator,
  reason: 'because',
  ...(failure === undefined ? {} : { failure }),
});

beforeEach(stubCanvas);
afterEach(() => {
  vi.unstubAllGlobals();
  choice.mockReset();
});

describe('a locator that the analyzer loaded', () => {
  it('is disposed with it', async () => {
    const locator = new StubLocator([]);
    choice.mockResolvedValue(chosen(locator));
    const analyzer = await FaceAnalyzer.create({ model: await loadedModel(), engine: 'wasm', outputs: ['Gender'] });
    expect(analyzer.locator).toEqual({ kind: 'face-api', description: 'a stub' });
    analyzer.dispose();
    expect(locator.disposed).toBe(true);
  });

  it('is disposed only when the running step has ended', async () => {
    const locator = new StubLocator([]);
    choice.mockResolvedValue(chosen(locator));
    const analyzer = await FaceAnalyzer.create({ model: await loadedModel(), engine: 'wasm', outputs: ['Gender'] });
    const { closed, release } = gate();
    locator.gate = closed;
    const pending = analyzer.analyze(new ImageData(new Uint8ClampedArray(4), 1, 1));
    const settled = Promise.allSettled([pending]);
    await soon(() => expect(locator.running).toBe(1));
    analyzer.dispose();
    expect(await settled).toMatchObject([{ reason: { code: 'DISPOSED' } }]);
    expect(locator.disposed).toBe(false);
    release();
    await soon(() => expect(locator.disposed).toBe(true));
  });

  it('is disposed when it arrives after the model failed', async () => {
    const locator = new StubLocator([]);
    const { closed, release } = gate();
    choice.mockImplementation(async () => {
      await closed;
      return chosen(locator);
    });
    vi.stubGlobal('fetch', async () => new Response('', { status: 404 }));
    const creating = FaceAnalyzer.create({ model: 'https://model.test/none.json', engine: 'wasm' });
    await expect(creating).rejects.toMatchObject({ code: 'MODEL_DOWNLOAD' });
    expect(choice.mock.calls[0]?.[0].signal?.aborted, 'its loading is called off').toBe(true);
    release();
    await soon(() => expect(locator.disposed).toBe(true));
  });

  it('says why it is not the first choice', async () => {
    choice.mockResolvedValue(chosen(new StubLocator([]), new Error('404')));
    using analyzer = await FaceAnalyzer.create({ model: await loadedModel(), engine: 'wasm', outputs: ['Gender'] });
    expect(analyzer.locator?.reason).toBe('because');
  });

  it.each([
    ['auto', true, true, true],
    ['blazeface', true, false, false],
    ['mediapipe', false, true, false],
    ['face-api', false, false, true],
  ] as const)('is chosen among those that "%s" allows', async (locator, blazeface, mediapipe, faceApi) => {
    choice.mockResolvedValue(chosen(new StubLocator([])));
    const model = await loadedModel();
    const assets = {
      faceLocator: '/own/face-locator.json',
      mediapipeWasm: '/own/mediapipe',
      landmarkModel: '/own/model.task',
      faceApiModels: '/own/face-api',
    };
    using _ = await FaceAnalyzer.create({ model, engine: 'wasm', outputs: ['Gender'], locator, assets });
    const [asked] = choice.mock.calls[0] ?? [];
    expect(asked?.blazeface?.weights).toBe(blazeface ? '/own/face-locator.json' : undefined);
    expect(asked?.mediapipe).toEqual(mediapipe ? { wasmPath: '/own/mediapipe', model: '/own/model.task' } : undefined);
    expect(asked?.faceApi).toEqual(faceApi ? { modelPath: '/own/face-api' } : undefined);
  });

  it('resolves addresses against the page', async () => {
    vi.stubGlobal('document', { baseURI: 'https://page.test/app/index.html' });
    choice.mockResolvedValue(chosen(new StubLocator([])));
    const model = await loadedModel();
    const assets = { landmarkModel: 'model.task' };
    using _ = await FaceAnalyzer.create({ model, engine: 'tfjs', outputs: ['Gender'], assets });
    const [asked] = choice.mock.calls[0] ?? [];
    expect(asked?.mediapipe).toEqual({
      wasmPath: 'https://page.test/assets/mediapipe',
      model: 'https://page.test/app/model.task',
    });
    expect(asked?.blazeface?.weights).toBe('https://page.test/models/face-locator.json');
  });
});
