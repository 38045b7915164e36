import { DisposedError, InvalidInputError } from '@swinface/core';
import {
  CROP_LENGTH,
  CROP_SIZE,
  cropSampling,
  describeValue,
  isObject,
  isVector,
  requireInput,
  requireNumbers,
  type Similarity,
} from '@swinface/geometry';
import type { UprightImage } from '../image.js';
import { isKind } from '../sources/kinds.js';
import externalSource from './source-external.wgsl?raw';
import textureSource from './source-texture.wgsl?raw';
import warpShader from './warp.wgsl?raw';

const CROP_BYTES = 4 * CROP_LENGTH;
const FACE_BYTES = 256;
const WORKGROUP = 8;

/** A picture where a shader can read it. */
export interface WarpSource {
  readonly texture: GPUTexture | GPUExternalTexture;
  /** Working pixels per source pixel; 1 unless the picture was shrunk. */
  readonly scaleX: number;
  readonly scaleY: number;
}

/** A {@link WarpSource} that owns its texture; dispose it once the commands that read it were submitted. */
export interface UploadedImage extends WarpSource, Disposable {
  dispose(): void;
}

/** One call of {@link GpuWarp.encode}. */
export interface WarpCommand {
  readonly source: WarpSource;
  /** One transform per face, source pixels to crop pixels, as `cropTransform` gives it. */
  readonly sourceToCrop: readonly Similarity[];
  /** Network input, f32 [faces, 3, 112, 112], with usage STORAGE. */
  readonly target: GPUBuffer;
  /** Where in `target` the first of these faces goes; 0 if not given. */
  readonly firstFace?: number;
}

/**
 * Warps faces from a texture or a video frame into the network's input buffer, all faces of a picture in one dispatch
 * and without a visit to the CPU. Gives the numbers of `warpPixels`.
 */
export class GpuWarp implements Disposable {
  readonly #device: GPUDevice;
  readonly #fromTexture: GPUComputePipeline;
  /** Reads video frames in place; absent where that is not wanted or not to be had, and frames are copied. */
  #fromExternal: GPUComputePipeline | undefined;
  /** Parameters per target and face: commands for different faces may wait in one encoder without overwriting. */
  readonly #parameters = new Map<GPUBuffer, GPUBuffer>();
  #disposed = false;

  private constructor(
    device: GPUDevice,
    fromTexture: GPUComputePipeline,
    fromExternal: GPUComputePipeline | undefined,
  ) {
    this.#device = device;
    this.#fromTexture = fromTexture;
    this.#fromExternal = fromExternal;
  }

  /**
   * Compiles the kernels asynchronously.
   *
   * @param importsFrames whether video frames are read in place where the browser can; else they are copied, as they had
   *   better be on a software adapter: Chromium 150 takes a device from the page that imports a frame there
   * @throws {InvalidInputError} if this is no device
   */
  static async create(device: GPUDevice, importsFrames = true): Promise<GpuWarp> {
    requireMethods('device', device, ['createShaderModule', 'createComputePipelineAsync'], 'a GPUDevice');
    const [fromTexture, fromExternal] = await Promise.all([
      compile(device, 'alignment.warp.texture', textureSource),
      // Browsers have WebGPU without external textures, and refuse the shader that names one.
      importsFrames && 'importExternalTexture' in device
        ? compile(device, 'alignment.warp.external', externalSource).catch(() => undefined)
        : undefined,
    ]);
    return new GpuWarp(device, fromTexture, fromExternal);
  }

  /**
   * Makes a decoded image readable for the kernel: a bitmap is copied to a texture, a video frame is read in place where
   * it may and can be (it must stay undisposed until the commands were submitted).
   *
   * @throws {InvalidInputError} if this is no image, or it is larger than a texture of this device may be
   * @throws {DisposedError} after `dispose`
   */
  upload(image: UprightImage): UploadedImage {
    this.#check();
    requireNumbers('The argument "image"', image, ['scaleX', 'scaleY']);
    const isImage = isVector(image.pixelSize) && (isKind('ImageBitmap', image.pixels) || isVideoFrame(image.pixels));
    requireInput(isImage, 'The argument "image"', 'an UprightImage', image);
    const { pixels, scaleX, scaleY } = image;
    const external = isVideoFrame(pixels) ? this.#import(pixels) : undefined;
    if (external) return { texture: external, scaleX, scaleY, dispose() {}, [Symbol.dispose]() {} };
    const [width, height] = image.pixelSize;
    const limit = this.#device.limits.maxTextureDimension2D;
    if (width > limit || height > limit) {
      throw new InvalidInputError('The image is too large for a texture of this GPU.', {
        expected: `at most ${limit} pixels a side`,
        actual: `${width} x ${height}`,
        hint: 'Decode it with UprightImage.from(source, { maxSide }).',
      });
    }
    const texture = this.#device.createTexture({
      label: 'alignment.picture',
      size: [width, height],
      format: 'rgba8unorm',
      usage: GPUTextureUsage.COPY_DST | GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.RENDER_ATTACHMENT,
    });
    if (isVideoFrame(pixels)) {
      const { data } = image.readPixels({ x: 0, y: 0, width, height });
      this.#device.queue.writeTexture({ texture }, data, { bytesPerRow: 4 * width }, [width, height]);
    } else {
      this.#device.queue.copyExternalImageToTexture({ source: pixels }, { texture, premultipliedAlpha: true }, [
        width,
        height,
      ]);
    }
    const dispose = (): void => texture.destroy();
    return { texture, scaleX, scaleY, dispose, [Symbol.dispose]: dispose };
  }

  /** The frame as an external texture; undefined where the browser cannot import any, as some software adapters. */
  #import(source: VideoFrame): GPUExternalTexture | undefined {
    if (!this.#fromExternal) return undefined;
    try {
      return this.#device.importExternalTexture({ label: 'alignment.frame', source });
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'OperationError') throw error;
      this.#fromExternal = undefined;
      return undefined;
    }
  }

  /**
   * Records the warp of all faces of one picture as one compute pass.
   *
   * @throws {InvalidInputError} if `target` is too small for the faces, a transform has no inverse, the source is an
   * external texture where the browser or the device has none, or these are no encoder and no command
   * @throws {DisposedError} after `dispose`
   */
  encode(encoder: GPUCommandEncoder, command: WarpCommand): void {
    this.#check();
    requireMethods('encoder', encoder, ['beginComputePass'], 'a GPUCommandEncoder');
    requireInput(isObject(command), 'The argument "command"', 'an object', command);
    const { source, sourceToCrop, target, firstFace = 0 } = command;
    requireNumbers('The source of a warp', source, ['scaleX', 'scaleY']);
    requireInput(isObject(source.texture), 'The texture of a warp', 'a GPUTexture or a GPUExternalTexture', source);
    requireInput(Array.isArray(sourceToCrop), 'The transforms of a warp', 'a list, one per face', sourceToCrop);
    requireNumbers('The target of a warp', target, ['size']);
    const count = sourceToCrop.length;
    if (count === 0) return;
    const capacity = Math.floor(target.size / CROP_BYTES);
    if (!Number.isInteger(firstFace) || firstFace < 0 || firstFace + count > capacity) {
      throw new InvalidInputError('The faces do not fit the buffer they are warped into.', {
        expected: `faces within 0..${capacity - 1}`,
        actual: `${count} from ${describeValue(firstFace)} on`,
      });
    }
    const numbers = new Float32Array((count * FACE_BYTES) / 4);
    for (const [face, transform] of sourceToCrop.entries()) {
      const { rows, block } = cropSampling(transform, source.scaleX, source.scaleY);
      numbers.set([...rows.slice(0, 3), block, ...rows.slice(3)], (face * FACE_BYTES) / 4);
    }
    const parameters = this.#parametersFor(target, capacity);
    this.#device.queue.writeBuffer(parameters, firstFace * FACE_BYTES, numbers);
    const pipeline = isTexture(source.texture) ? this.#fromTexture : this.#fromExternal;
    if (!pipeline) {
      throw new InvalidInputError('This GpuWarp reads no external textures.', {
        expected: 'a GPUTexture',
        actual: 'a GPUExternalTexture',
        hint: 'What `upload` gives can be read.',
      });
    }
    const bindGroup = this.#device.createBindGroup({
      label: 'alignment.warp',
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: isTexture(source.texture) ? source.texture.createView() : source.texture },
        { binding: 1, resource: { buffer: parameters, offset: firstFace * FACE_BYTES, size: count * FACE_BYTES } },
        { binding: 2, resource: { buffer: target, offset: firstFace * CROP_BYTES, size: count * CROP_BYTES } },
      ],
    });
    const pass = encoder.beginComputePass({ label: 'alignment.warp' });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(CROP_SIZE / WORKGROUP, CROP_SIZE / WORKGROUP, count);
    pass.end();
  }

  #parametersFor(target: GPUBuffer, capacity: number): GPUBuffer {
    let parameters = this.#parameters.get(target);
    if (!parameters) {
      parameters = this.#device.createBuffer({
        label: 'alignment.warp.parameters',
        size: capacity * FACE_BYTES,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
      });
      this.#parameters.set(target, parameters);
    }
    return parameters;
  }

  #check(): void {
    if (this.#disposed) throw new DisposedError('This GpuWarp was disposed.');
  }

  /** Frees the parameter buffers; more calls do nothing. */
  dispose(): void {
    this.#disposed = true;
    for (const buffer of this.#parameters.values()) buffer.destroy();
    this.#parameters.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** @throws {InvalidInputError} unless a value has the methods of what it should be */
function requireMethods(name: string, value: unknown, methods: readonly string[], expected: string): void {
  const usable = isObject(value) && methods.every((method) => typeof value[method] === 'function');
  requireInput(usable, `The argument "${name}"`, expected, value);
}

/**
 * A refused shader is the caller's to know of, by the rejection: the scope keeps it from being reported as uncaught too.
 *
 * @throws the GPU's error
 */
async function compile(device: GPUDevice, label: string, source: string): Promise<GPUComputePipeline> {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label, code: source + warpShader });
  const created = device.createComputePipelineAsync({ label, layout: 'auto', compute: { module, entryPoint: 'main' } });
  const [pipeline] = await Promise.allSettled([created, device.popErrorScope()]);
  if (pipeline.status === 'rejected') throw pipeline.reason;
  return pipeline.value;
}

function isTexture(texture: GPUTexture | GPUExternalTexture): texture is GPUTexture {
  return 'createView' in texture;
}

const isVideoFrame = (pixels: unknown): pixels is VideoFrame => isKind('VideoFrame', pixels);
