/** What pictures, videos and the warp on the GPU say to values that JavaScript lets them pass. */
import { chooseLocator, GpuWarp, isEmptied, UprightImage, videoFailure } from '@swinface/alignment';
import { callWrongly, WRONG_VALUES } from '@swinface/testing';
import { expect, test, vi } from 'vitest';

/** As a browser brands what it makes. */
const branded = (brand: string, properties: object) =>
  Object.defineProperty(properties, Symbol.toStringTag, { value: brand });

const bitmap = () => branded('ImageBitmap', { width: 8, height: 6, close: () => {} }) as ImageBitmap;
const size = { width: 16, height: 12 };
const image = UprightImage.adopt(bitmap(), size);
const video = branded('HTMLVideoElement', { error: null, networkState: 1, srcObject: null });
const file = new Blob(['a picture'], { type: 'image/png' });
const captured = () => UprightImage.capture(file);

// What browsers have and Node has not.
vi.stubGlobal('createImageBitmap', async () => bitmap());
vi.stubGlobal('GPUTextureUsage', {});
vi.stubGlobal('GPUBufferUsage', {});
const nothing = () => {};
vi.stubGlobal(
  'OffscreenCanvas',
  class {
    getContext = () => ({ drawImage: nothing, getImageData: () => ({ data: new Uint8ClampedArray(4) }) });
  },
);

/** With inherited methods, as a browser's objects have them: they are exchanged as a whole or not at all. */
const inherited = <T extends object>(methods: T): T => Object.create(methods);

/** A device that takes everything and computes nothing. */
const device = inherited({
  limits: { maxTextureDimension2D: 8192 },
  queue: { copyExternalImageToTexture: nothing, writeBuffer: nothing },
  pushErrorScope: nothing,
  popErrorScope: async () => null,
  createShaderModule: () => ({}),
  createComputePipelineAsync: async () => ({ getBindGroupLayout: nothing }),
  createTexture: () => ({ createView: nothing, destroy: nothing }),
  createBuffer: () => ({ destroy: nothing }),
  createBindGroup: () => ({}),
});
const pass = { setPipeline: nothing, setBindGroup: nothing, dispatchWorkgroups: nothing, end: nothing };
const encoder = inherited({ beginComputePass: () => pass });
const warp = await GpuWarp.create(device as unknown as GPUDevice);
const transform = { a: 1, b: 0, tx: 3, ty: 4 };
const source = { texture: device.createTexture(), scaleX: 1, scaleY: 1 };
const command = { source, sourceToCrop: [transform], target: { size: 4 * 3 * 112 * 112 }, firstFace: 0 };
const encode = (changes: object) => warp.encode(encoder as never, { ...command, ...changes } as never);

/** Each with arguments that it takes. */
const FUNCTIONS: readonly (readonly [name: string, call: (...values: never[]) => unknown, ...right: unknown[]])[] = [
  ['UprightImage.from', UprightImage.from, file, { maxSide: 100, maxPixels: 1000 }],
  ['UprightImage.capture', UprightImage.capture, file],
  ['decode of what was captured', (options: never) => captured().decode(options), { maxSide: 100 }],
  ['UprightImage.adopt', UprightImage.adopt, bitmap(), size],
  ['UprightImage.readPixels', image.readPixels.bind(image), { x: 0, y: 0, width: 4, height: 3 }],
  ['isEmptied', isEmptied, video],
  ['videoFailure', videoFailure, video],
  ['GpuWarp.create', GpuWarp.create, device],
  ['GpuWarp.upload', warp.upload.bind(warp), image],
  ['GpuWarp.encode', warp.encode.bind(warp), encoder, command],
  ['GpuWarp.encode of sources', (changed: never) => encode({ source: changed }), source],
  ['GpuWarp.encode of transforms', (changed: never) => encode({ sourceToCrop: [changed] }), transform],
];

const CALLS = FUNCTIONS.map(([name, call, ...right]) => ({ name, call, right }));

test.each(CALLS)('$name answers wrong values with typed errors', async ({ call, right }) => {
  await call(...(right as never[]));
  const { refused, raw } = await callWrongly(call, right);
  expect(raw.slice(0, 3)).toEqual([]);
  expect(refused).toBeGreaterThan(WRONG_VALUES.length / 2);
});

test('chooseLocator answers wrong values with typed errors', async () => {
  const { refused, raw } = await callWrongly(chooseLocator, [{ blazeface: { url: '/models/face-locator.json' } }]);
  expect(raw.slice(0, 3)).toEqual([]);
  expect(refused).toBeGreaterThan(WRONG_VALUES.length / 2);
});
