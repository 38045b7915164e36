import { cropTransform, type FivePoints, GpuWarp, type Similarity } from '@swinface/alignment';
import { CROP_LENGTH, type Raster, warpPixels } from '@swinface/alignment/warp';
import { DisposedError, InvalidInputError } from '@swinface/core';
import { expectAllClose, noise, testAdapter } from '@swinface/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

let device: GPUDevice;
let warp: GpuWarp;
beforeAll(async () => {
  device = await (await testAdapter()).requestDevice();
  warp = await GpuWarp.create(device);
});
afterAll(() => {
  warp?.dispose();
  device?.destroy();
});

function textureOf({ data, width, height }: Raster): GPUTexture {
  const texture = device.createTexture({
    size: [width, height],
    format: 'rgba8unorm',
    usage: GPUTextureUsage.COPY_DST | GPUTextureUsage.TEXTURE_BINDING,
  });
  device.queue.writeTexture({ texture }, Uint8Array.from(data), { bytesPerRow: 4 * width }, [width, height]);
  return texture;
}

const targetFor = (faces: number): GPUBuffer =>
  device.createBuffer({
    size: 4 * CROP_LENGTH * faces,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });

async function submitAndRead(encoder: GPUCommandEncoder, target: GPUBuffer): Promise<Float32Array> {
  const staging = device.createBuffer({ size: target.size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  encoder.copyBufferToBuffer(target, 0, staging, 0, target.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const values = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return values;
}

async function warpOnGpu(
  image: Raster,
  sourceToCrop: readonly Similarity[],
  scaleX = 1,
  scaleY = 1,
): Promise<Float32Array> {
  const texture = textureOf(image);
  const target = targetFor(sourceToCrop.length);
  const encoder = device.createCommandEncoder();
  warp.encode(encoder, { source: { texture, scaleX, scaleY }, sourceToCrop, target });
  const values = await submitAndRead(encoder, target);
  texture.destroy();
  target.destroy();
  return values;
}

const face = (x: number, y: number, size: number, degrees: number): FivePoints => {
  const angle = (degrees * Math.PI) / 180;
  const at = (u: number, v: number): [number, number] => [
    x + size * (u * Math.cos(angle) - v * Math.sin(angle)),
    y + size * (u * Math.sin(angle) + v * Math.cos(angle)),
  ];
  return [at(-0.16, -0.04), at(0.16, -0.04), at(0, 0.14), at(-0.13, 0.33), at(0.13, 0.33)];
};

/**
 * Positions are float32 on the GPU: at 9,000 pixels they round to 1/2,000 pixel, and a pixel of noise may differ from
 * its neighbour by the whole range of 2. The bar between page and trainer is 2/255 of the range, 0.0157.
 */
const TOLERANCE = { atol: 2.5e-3, rtol: 0 };

describe('GpuWarp', () => {
  it('gives the numbers of the CPU warp for tight, loose, turned, tiny, huge and cut faces in one dispatch', async () => {
    const image = noise(1999, 1201, 11);
    const faces = [
      cropTransform(face(400, 300, 260, 0)),
      cropTransform(face(400, 300, 260, 0), 0.6),
      cropTransform(face(1500, 800, 180, 33)),
      cropTransform(face(700, 900, 24, -12)),
      cropTransform(face(1000, 600, 1500, 170)),
      cropTransform(face(5, 20, 300, 5)),
      cropTransform(face(1998, 1200, 90, -80)),
      cropTransform(face(9000, 9000, 100, 0)),
    ];
    expectAllClose(await warpOnGpu(image, faces), warpPixels(image, faces), TOLERANCE);
  });

  it('copies a 112 picture exactly under the identity', async () => {
    const image = noise(112, 112, 2);
    const identity = { a: 1, b: 0, tx: 0, ty: 0 };
    // rgba8unorm to float: v / 255 within one unit in the last place.
    expectAllClose(await warpOnGpu(image, [identity]), warpPixels(image, [identity]), { atol: 2e-7, rtol: 0 });
  });

  it('reads a shrunk copy in source coordinates', async () => {
    const image = noise(300, 200, 9);
    // The copy is a third of the source in x and a quarter in y.
    const points = face(450, 400, 300, 10);
    const onCopy = await warpOnGpu(image, [cropTransform(points)], 1 / 3, 1 / 3);
    const expected = warpPixels(image, [
      cropTransform(points.map(([x, y]) => [x / 3, y / 3]) as unknown as FivePoints),
    ]);
    expectAllClose(onCopy, expected, TOLERANCE);
  });

  it('puts faces of several pictures side by side in one submit, and leaves the others alone', async () => {
    const [first, second] = [noise(200, 150, 21), noise(90, 300, 22)];
    const target = targetFor(5);
    device.queue.writeBuffer(target, 0, new Float32Array(5 * CROP_LENGTH).fill(7));
    const textures = [textureOf(first), textureOf(second)];
    const encoder = device.createCommandEncoder();
    const one = [cropTransform(face(100, 70, 90, 0))];
    const two = [cropTransform(face(40, 100, 60, 20)), cropTransform(face(50, 220, 70, -20))];
    const source = (texture: GPUTexture | undefined) => {
      if (!texture) throw new Error('no texture');
      return { texture, scaleX: 1, scaleY: 1 };
    };
    warp.encode(encoder, { source: source(textures[0]), sourceToCrop: one, target, firstFace: 3 });
    warp.encode(encoder, { source: source(textures[1]), sourceToCrop: two, target, firstFace: 1 });
    warp.encode(encoder, { source: source(textures[1]), sourceToCrop: [], target, firstFace: 4 });
    const values = await submitAndRead(encoder, target);
    const slot = (i: number): Float32Array => values.subarray(i * CROP_LENGTH, (i + 1) * CROP_LENGTH);
    expect(slot(0).every((value) => value === 7)).toBe(true);
    expectAllClose(values.subarray(CROP_LENGTH, 3 * CROP_LENGTH), warpPixels(second, two), TOLERANCE);
    expectAllClose(slot(3), warpPixels(first, one), TOLERANCE);
    expect(slot(4).every((value) => value === 7)).toBe(true);
    for (const texture of textures) texture.destroy();
    target.destroy();
  });

  it('goes without external textures where their shader is refused, and says so of one', async () => {
    const create = device.createComputePipelineAsync.bind(device);
    const refuse = vi
      .spyOn(device, 'createComputePipelineAsync')
      .mockImplementation((descriptor) =>
        descriptor.label === 'alignment.warp.external' ? Promise.reject(new Error('no such type')) : create(descriptor),
      );
    const plain = await GpuWarp.create(device);
    const refused = refuse.mock.calls.length;
    refuse.mockRestore();
    // Where there are none, nobody asks.
    expect(refused).toBe('importExternalTexture' in device ? 2 : 1);
    const texture = textureOf(noise(112, 112, 2));
    const target = targetFor(1);
    const encoder = device.createCommandEncoder();
    const sourceToCrop = [{ a: 1, b: 0, tx: 0, ty: 0 }];
    plain.encode(encoder, { source: { texture, scaleX: 1, scaleY: 1 }, sourceToCrop, target });
    expect(await submitAndRead(encoder, target)).not.toEqual(new Float32Array(CROP_LENGTH));
    const external = { label: 'frame' } as GPUExternalTexture;
    expect(() =>
      plain.encode(encoder, { source: { texture: external, scaleX: 1, scaleY: 1 }, sourceToCrop, target }),
    ).toThrow(InvalidInputError);
    plain.dispose();
    texture.destroy();
    target.destroy();
  });

  it('refuses faces that do not fit the target, and work after dispose', async () => {
    const texture = textureOf(noise(10, 10));
    const target = targetFor(2);
    const encoder = device.createCommandEncoder();
    const source = { texture, scaleX: 1, scaleY: 1 };
    const identity = { a: 1, b: 0, tx: 0, ty: 0 };
    for (const firstFace of [2, -1, 0.5]) {
      expect(() => warp.encode(encoder, { source, sourceToCrop: [identity], target, firstFace })).toThrow(
        InvalidInputError,
      );
    }
    expect(() => warp.encode(encoder, { source, sourceToCrop: [{ ...identity, a: 0 }], target })).toThrow(
      InvalidInputError,
    );
    const other = await GpuWarp.create(device);
    other.dispose();
    other.dispose();
    expect(() => other.encode(encoder, { source, sourceToCrop: [identity], target })).toThrow(DisposedError);
    texture.destroy();
    target.destroy();
  });
});
