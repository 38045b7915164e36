import { embeddingLength } from '@swinface/core';
import { expectAllClose, testAdapter } from '@swinface/testing';
import { type DeviceEvent, type Face, FaceAnalyzer, type FaceAnalyzerOptions } from 'swinface';
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
  device = uploadBytes(await (await testAdapter()).requestDevice());
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
    expect(faces[0]?.embedding).toHaveLength(embeddingLength(config));
    expect(open.size).toBe(0);
  });

  it.each([
    ['software, without trying', 0],
    ['hardware, once it has tried', 1],
  ])('copies video frames that a GPU cannot read in place: on %s', async (adapter, tries) => {
    const own = uploadBytes(await (await testAdapter()).requestDevice());
    if (adapter.startsWith('hardware')) {
      Object.defineProperty(own, 'adapterInfo', { value: { vendor: 'nvidia', architecture: 'ampere' } });
    }
    const refusal = vi.fn(() => {
      throw new DOMException('Failed to import texture from video', 'OperationError');
    });
    own.importExternalTexture = refusal;
    using analyzer = await create({ device: own, tuning: 'off' });
    const frame = new PixelFrame(image) as unknown as VideoFrame & PixelFrame;
    const [fromFrame, fromPicture] = [await analyzer.analyze(frame), await analyzer.analyze(source())];
    expect(refusal).toHaveBeenCalledTimes(tries);
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
    const doomed = uploadBytes(await (await testAdapter()).requestDevice());
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

  describe('that asked for its device itself', () => {
    /** Gives each request another device of the same adapter, and keeps them. */
    function ownDevices() {
      const devices: GPUDevice[] = [];
      const requestAdapter = async () => {
        const adapter = await testAdapter();
        // Else the choice would fall on WebAssembly from the start.
        const info = { vendor: 'acme', architecture: 'graphics', device: '', description: '' };
        Object.defineProperty(adapter, 'info', { value: info });
        const requestDevice = adapter.requestDevice.bind(adapter);
        adapter.requestDevice = async (descriptor) => {
          const made = uploadBytes(await requestDevice(descriptor));
          devices.push(made);
          return made;
        };
        return adapter;
      };
      vi.stubGlobal('navigator', { gpu: { requestAdapter } });
      return devices;
    }
    const createOwn = async (options: Partial<FaceAnalyzerOptions>) =>
      FaceAnalyzer.create({
        model: await loadedModel(),
        engine: 'webgpu',
        thread: 'main',
        locator: new StubLocator(FACES),
        maxFaces: 2,
        ...options,
      });

    it('makes the network again when the device is lost, and answers late with the same numbers', async () => {
      const devices = ownDevices();
      const events: string[] = [];
      const onDeviceChange = (event: DeviceEvent) => events.push(event.state);
      using analyzer = await createOwn({ onDeviceChange });
      const before = await analyzer.analyze(source());
      expect(devices).toHaveLength(1);
      // Lost while one call is on the GPU and others wait.
      const pending = [analyzer.analyze(source()), analyzer.analyze(source()), analyzer.analyze(source())];
      await soon(() => expect(open.size).toBeGreaterThan(0));
      devices[0]?.destroy();
      for (const faces of await Promise.all(pending)) expect(faces).toEqual(before);
      expect(events).toEqual(['lost', 'restored']);
      expect(devices).toHaveLength(2);
      // Lost while nothing runs.
      devices[1]?.destroy();
      await soon(() => expect(events).toHaveLength(4));
      expect(await analyzer.analyze(source())).toEqual(before);
      expect(analyzer.engine.kind).toBe('webgpu');
      expect(open.size).toBe(0);
    });

    it('gives up on a device that is lost again and again, and says so', async () => {
      const devices = ownDevices();
      const analyzer = await createOwn({ outputs: ['Gender'] });
      for (let i = 0; i < 4; i++) {
        await soon(() => expect(devices).toHaveLength(i + 1));
        const waiting = analyzer.analyze(source()).catch((error) => error);
        devices[i]?.destroy();
        const outcome = await waiting;
        if (i < 3) expect(outcome).toHaveLength(3);
        else
          expect(outcome).toMatchObject({ code: 'DEVICE_LOST', message: expect.stringContaining('4 times in a row') });
      }
      await expect(analyzer.analyze(source())).rejects.toMatchObject({ code: 'DEVICE_LOST' });
      analyzer.dispose();
      expect(open.size).toBe(0);
    });

    it('goes over to another engine where no device comes back, if any will do', async () => {
      const devices = ownDevices();
      const events: DeviceEvent[] = [];
      using analyzer = await createOwn({
        engine: 'auto',
        outputs: ['Gender'],
        onDeviceChange: (event) => events.push(event),
      });
      const [before] = await analyzer.analyze(source());
      vi.stubGlobal('navigator', { gpu: { requestAdapter: async () => null } });
      devices[0]?.destroy();
      const [after] = await analyzer.analyze(source());
      expectAllClose(numbers(after ?? {}), numbers(before ?? {}), { ...TOLERANCE, label: 'another engine' });
      expect(analyzer.engine.kind).not.toBe('webgpu');
      expect(analyzer.engine.reason).toContain('WebGPU');
      expect(events.at(-1)).toMatchObject({ state: 'restored', engine: { kind: analyzer.engine.kind } });
    });

    it('frees every buffer and its device when it is disposed', async () => {
      const devices = ownDevices();
      const alive = new Set<GPUBuffer>();
      const analyzer = await createOwn({});
      const [own] = devices;
      if (!own) throw new Error('no device');
      const create = own.createBuffer.bind(own);
      own.createBuffer = (descriptor) => {
        const buffer = create(descriptor);
        alive.add(buffer);
        const destroy = buffer.destroy.bind(buffer);
        buffer.destroy = () => {
          alive.delete(buffer);
          destroy();
          return undefined;
        };
        return buffer;
      };
      await analyzer.analyze(source());
      const after1 = alive.size;
      for (let i = 0; i < 10; i++) await analyzer.analyze(source());
      expect(alive.size, 'buffers after ten more pictures').toBe(after1);
      analyzer.dispose();
      await own.lost;
      expect(alive.size, 'buffers made since it was created').toBe(0);
    });
  });

  it('serves two analyzers on one device', async () => {
    using first = await create();
    using second = await create({ outputs: ['Gender'] });
    const [a, b, c] = await Promise.all([
      first.analyze(source()),
      second.analyze(source()),
      first.analyze(source(), { points: FACES.slice(0, 1) }),
    ]);
    expect(a[0]?.embedding).toEqual(c[0]?.embedding);
    expect(b[0]?.gender).toEqual(a[0]?.gender);
    first.dispose();
    expect((await second.analyze(source()))[0]?.gender).toEqual(a[0]?.gender);
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
