import { expectAllClose, nodeAdapter } from '@swinface/testing';
import { type Face, FaceAnalyzer, type FaceAnalyzerOptions } from 'swinface';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { imageData, open, PixelFrame, stubCanvas } from '../support/canvas.js';
import { gate, StubLocator, soon } from '../support/locator.js';
import { config, expectedAnalysis, facePoints, loadedModel, picture } from '../support/model.js';

// Float32 on a GPU against float64; and the GPU reads textures of 8 bits exactly, so the crops agree to rounding.
const TOLERANCE = { atol: 2e-3, rtol: 1e-3 };

const image = picture(200, 160);
const FACES = [facePoints(60, 50, 34), facePoints(140, 70, 25), facePoints(100, 30, 20)];
const source = () => imageData(image.data, image.width, image.height);

/** Dawn in Node decodes no pictures: bytes are uploaded instead of a bitmap. Everything after that is the real thing. */
function uploadBytes(device: GPUDevice): GPUDevice {
  device.queue.copyExternalImageToTexture = ({ source }, destination, size) => {
    const { data, width } = source as unknown as { data: Uint8ClampedArray<ArrayBuffer>; width: number };
    device.queue.writeTexture(destination, data, { bytesPerRow: 4 * width }, size);
  };
  return device;
}

let device: GPUDevice;
beforeAll(async () => {
  stubCanvas();
  device = uploadBytes(await (await nodeAdapter()).requestDevice());
});
afterAll(() => {
  device.destroy();
  vi.unstubAllGlobals();
});

const create = async (options: Partial<FaceAnalyzerOptions> = {}) =>
  FaceAnalyzer.create({
    model: await loadedModel(),
    engine: 'webgpu',
    device,
    locator: new StubLocator(FACES),
    maxFaces: 2,
    ...options,
  });

const numbers = ({ embedding, age, gender, attributeProbabilities: yes }: Partial<Face>) => [
  ...(embedding ?? []),
  ...(age ? [age.years] : []),
  ...(gender ? [gender.probabilities.male] : []),
  ...Object.values(yes ?? {}),
];

describe('FaceAnalyzer on WebGPU', () => {
  it('gives every face what the reference gives on its crops, in one submit per batch and crop', async () => {
    using analyzer = await create();
    expect(analyzer.engine).toMatchObject({ kind: 'webgpu' });
    expect(analyzer.engine.description).toMatch(/^WebGPU \(/);
    const submit = vi.spyOn(device.queue, 'submit');
    const faces = await analyzer.analyze(source());
    expect(submit, 'two batches, two crops').toHaveBeenCalledTimes(4);
    submit.mockRestore();
    expect(faces).toHaveLength(3);
    faces.forEach((face, i) => {
      const [tight, loose] = expectedAnalysis(image, FACES[i] ?? facePoints(0, 0, 0), analyzer.manifest);
      const expected = {
        ...tight,
        attributeProbabilities: { ...tight?.attributeProbabilities, ...loose?.attributeProbabilities },
      };
      expectAllClose(numbers(face), numbers(expected as Partial<Face>), {
        ...TOLERANCE,
        label: `face ${i}`,
      });
    });
    expect(faces[0]?.embedding).toHaveLength(config.feature);
    expect(open.size).toBe(0);
  });

  it('copies video frames that the GPU cannot read in place', async () => {
    using analyzer = await create();
    const refusal = vi.spyOn(device, 'importExternalTexture').mockImplementation(() => {
      throw new DOMException('Failed to import texture from video', 'OperationError');
    });
    const frame = new PixelFrame(image) as unknown as VideoFrame & PixelFrame;
    const [fromFrame, fromPicture] = [await analyzer.analyze(frame), await analyzer.analyze(source())];
    expect(refusal).toHaveBeenCalled();
    refusal.mockRestore();
    frame.close();
    fromFrame.forEach((face, i) => {
      // The same bytes through the same kernels.
      expect(face.embedding).toEqual(fromPicture[i]?.embedding);
    });
    expect(fromFrame).toHaveLength(3);
    expect(open.size).toBe(0);
  });

  it("leaves the caller's device alive", async () => {
    const first = await create();
    first.dispose();
    using second = await create();
    expect(await second.analyze(source())).toHaveLength(3);
  });

  it('tells the loss of the device to pending and later calls', async () => {
    const doomed = uploadBytes(await (await nodeAdapter()).requestDevice());
    const locator = new StubLocator(FACES);
    const analyzer = await create({ device: doomed, locator, outputs: ['Gender'] });
    const { closed, release } = gate();
    locator.gate = closed;
    const pending = Promise.allSettled([analyzer.analyze(source()), analyzer.analyze(source())]);
    await soon(() => expect(locator.running).toBe(1));
    doomed.destroy();
    for (const result of await pending) expect(result).toMatchObject({ reason: { code: 'DEVICE_LOST' } });
    release();
    await expect(analyzer.analyze(source())).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    await expect(analyzer.analyze(source())).rejects.toThrow(/create it again/);
    analyzer.dispose();
    await expect(analyzer.analyze(source())).rejects.toMatchObject({ code: 'DISPOSED' });
    await soon(() => expect(open.size).toBe(0));
  });

  it('can be disposed while it computes', async () => {
    const analyzer = await create();
    const pending = analyzer.analyze(source());
    const settled = Promise.allSettled([pending]);
    analyzer.dispose();
    expect(await settled).toMatchObject([{ reason: { code: 'DISPOSED' } }]);
    await soon(() => expect(open.size).toBe(0));
    using next = await create();
    expect(await next.analyze(source())).toHaveLength(3);
  });
});
