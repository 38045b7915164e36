import { SwinFaceError, UnsupportedDeviceError } from '../../errors.js';
import { Pacer } from '../../pacer.js';
import type { Arrivals } from './arrivals.js';
import { sizesOf } from './findings.js';
import {
  type Access,
  type Binding,
  type Constant,
  foldDispatch,
  type Kernel,
  type Value,
  type Variant,
} from './kernel.js';
import type { BufferLedger } from './ledger.js';
import type { Plan } from './lower.js';
import { type MemoryPlan, planMemory } from './memory.js';
import { type PipelineCache, pipelineCache } from './pipelines.js';
import type { VariantChooser } from './variants.js';

export interface CompileHooks {
  /** Receives the fraction of the weights that is on the GPU, 0..1. */
  readonly onProgress?: ((fraction: number) => void) | undefined;
  /** Where the kernels' weights come from, if they are not here yet; pipelines compile meanwhile. */
  readonly weights?: Arrivals | undefined;
}

/** A range of a buffer, from its start. */
export interface Range {
  readonly buffer: GPUBuffer;
  readonly bytes: number;
}

/** One dispatch, ready to be encoded, and what it takes to compute it another way. Holds no weights in host memory. */
export interface Step {
  readonly label: string;
  /** How it is computed, and the ways there are. */
  readonly variant: Variant;
  readonly variants: Kernel['variants'];
  readonly sizes: readonly number[];
  readonly accesses: readonly Access[];
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  /** Values, weights aside. */
  readonly inputs: readonly Range[];
  readonly output: Range;
  /** Workgroups in x and y for 1, 2 .. maxFaces faces; asked beforehand, because a kernel keeps its weights alive. */
  readonly grids: readonly (readonly [x: number, y: number])[];
}

/** The step computed another way, on the same buffers. */
export async function withVariant(
  step: Step,
  variant: Variant,
  device: GPUDevice,
  cache: PipelineCache,
): Promise<Step> {
  const pipeline = await cache.pipeline(step.label, step.accesses, variant);
  const limit = device.limits.maxComputeWorkgroupsPerDimension;
  const grids = step.grids.map((_, i) => foldDispatch(variant.workgroups(i + 1), limit));
  return { ...step, variant, pipeline, grids };
}

/** Where an output is computed, and its place in the staging buffer in bytes. */
export interface OutputBuffer extends Range {
  readonly offset: number;
}

/** Encodes a step, for a number of faces. */
export function encodeStep(pass: GPUComputePassEncoder, { pipeline, bindGroup, grids }: Step, faces: number): void {
  const [x, y] = grids[faces - 1] ?? [0, 0];
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(x, y);
}

/** A plan's objects on a device. */
export interface Build {
  readonly steps: readonly Step[];
  readonly uniform: GPUBuffer;
  readonly input: GPUBuffer;
  readonly outputs: readonly OutputBuffer[];
  readonly weightBytes: number;
  readonly activationBytes: number;
}

/**
 * Creates buffers and pipelines and uploads the constants. Pipelines compile while the weights are on their way.
 *
 * @throws {UnsupportedDeviceError} if a buffer would exceed the device's limits or its memory
 * @throws {DisposedError} if the ledger is cleared meanwhile
 * @throws what the arrival of the weights rejects with
 */
export async function build(
  device: GPUDevice,
  plan: Plan,
  choose: VariantChooser,
  ledger: BufferLedger,
  hooks: CompileHooks,
): Promise<Build> {
  const memory = planMemory(plan);
  assertLimits(device.limits, plan, memory);
  const cache = pipelineCache(device);
  const accesses = plan.kernels.map(({ bindings }) => bindings.map(({ access }) => access));
  const pipelines = Promise.all(
    plan.kernels.map((kernel, i) => compiled(kernel, choose(kernel), accesses[i] as Access[], cache)),
  );
  pipelines.catch(() => {}); // Awaited below, but uploading may fail first.
  const allocator = new Allocator(device, ledger);
  const uploading = upload(plan, allocator, hooks);
  // A pipeline that fails does not wait for weights that may be minutes away.
  const constants = await Promise.race([uploading, pipelines.then(() => uploading)]);
  const { STORAGE, COPY_DST, COPY_SRC, UNIFORM } = GPUBufferUsage;
  const uniform = allocator.create({ label: 'run', size: 16, usage: UNIFORM | COPY_DST });
  const buffers = memory.lengths.map((length, index) =>
    allocator.create({ label: `activations.${index}`, size: 4 * length, usage: STORAGE | COPY_DST | COPY_SRC }),
  );
  await allocator.settle();
  const ready = await pipelines;
  ledger.assertOpen();

  const bufferOf = (value: Value) => buffers[memory.bufferOf.get(value) ?? -1] as GPUBuffer;
  const steps = plan.kernels.map((kernel, index): Step => {
    const resources = kernel.bindings.map(({ resource }): GPUBindingResource => {
      if (resource.kind === 'constant') return { buffer: constants.get(resource) as GPUBuffer };
      return { buffer: bufferOf(resource), size: 4 * resource.length };
    });
    const { label } = kernel;
    const { variant, pipeline } = ready[index] as Compiled;
    const entries = [{ buffer: uniform }, ...resources].map((resource, binding) => ({ binding, resource }));
    const bindGroup = device.createBindGroup({ label, layout: cache.layout(accesses[index] as Access[]), entries });
    const limit = device.limits.maxComputeWorkgroupsPerDimension;
    const grids = Array.from({ length: plan.maxFaces }, (_, i) => foldDispatch(variant.workgroups(i + 1), limit));
    const ranges = (wanted: Access) =>
      kernel.bindings.flatMap(({ access, resource }): Range[] =>
        access === wanted && resource.kind === 'value'
          ? [{ buffer: bufferOf(resource), bytes: 4 * resource.length }]
          : [],
      );
    return {
      label,
      variant,
      variants: kernel.variants,
      sizes: sizesOf(kernel.bindings),
      accesses: accesses[index] as Access[],
      pipeline,
      bindGroup,
      inputs: ranges('read'),
      output: ranges('write')[0] as Range,
      grids,
    };
  });
  let offset = 0;
  const outputs = plan.outputs.map((value): OutputBuffer => {
    const output = { buffer: bufferOf(value), offset, bytes: 4 * value.length };
    offset += output.bytes;
    return output;
  });
  return {
    steps,
    uniform,
    input: bufferOf(plan.input),
    outputs,
    weightBytes: [...constants.values()].reduce((sum, { size }) => sum + size, 0),
    activationBytes: buffers.reduce((sum, { size }) => sum + size, 0),
  };
}

interface Compiled {
  readonly variant: Variant;
  readonly pipeline: GPUComputePipeline;
}

/**
 * The kernel as it was chosen to be computed, or in the first way, which needs no optional feature, where the device says
 * it has a feature and yet refuses the shader that uses it.
 *
 * @throws what the first way is refused with
 */
async function compiled(
  { label, variants }: Kernel,
  chosen: Variant,
  accesses: readonly Access[],
  cache: PipelineCache,
): Promise<Compiled> {
  try {
    return { variant: chosen, pipeline: await cache.pipeline(label, accesses, chosen) };
  } catch (error) {
    if (!chosen.shader.enable?.length) throw error;
    const [plain] = variants;
    return { variant: plain, pipeline: await cache.pipeline(label, accesses, plain) };
  }
}

/** Every constant of the plan in a buffer of its own, kernel by kernel as their weights arrive. */
async function upload(
  plan: Plan,
  allocator: Allocator,
  { onProgress, weights: arrivals }: CompileHooks,
): Promise<ReadonlyMap<Constant, GPUBuffer>> {
  const { STORAGE, UNIFORM } = GPUBufferUsage;
  const constantsOf = ({ bindings }: Kernel) => bindings.filter(isConstant);
  const total = plan.kernels.flatMap(constantsOf).reduce((sum, { resource }) => sum + resource.length, 0);
  const buffers = new Map<Constant, GPUBuffer>();
  const pacer = new Pacer();
  let done = 0;
  for (const kernel of plan.kernels) {
    const { weights = [] } = kernel;
    await arrivals?.arrival(weights);
    for (const { access, resource } of constantsOf(kernel)) {
      const { label, length } = resource;
      const usage = access === 'uniform' ? UNIFORM : STORAGE;
      const buffer = allocator.create({ label, size: 4 * length, usage }, (target) => resource.fill(target));
      buffers.set(resource, buffer);
      done += length;
      await pacer.rest();
    }
    arrivals?.release(weights);
    onProgress?.(done / total);
  }
  await arrivals?.end();
  return buffers;
}

const isConstant = (binding: Binding): binding is Binding & { readonly resource: Constant } =>
  binding.resource.kind === 'constant';

/** @throws {UnsupportedDeviceError} naming the first tensor that is too large for the device */
function assertLimits(limits: GPUSupportedLimits, plan: Plan, memory: MemoryPlan): void {
  const hint = 'Use a smaller maxFaces, or request the device with larger limits.';
  for (const { bindings } of plan.kernels) {
    for (const { resource } of bindings) {
      if (4 * resource.length <= limits.maxStorageBufferBindingSize) continue;
      throw new UnsupportedDeviceError(`The tensor ${resource.label} is too large to bind on this device.`, {
        expected: `at most ${limits.maxStorageBufferBindingSize} bytes (maxStorageBufferBindingSize)`,
        actual: `${4 * resource.length} bytes for ${plan.maxFaces} faces`,
        hint,
      });
    }
  }
  const largest = 4 * Math.max(...memory.lengths);
  if (largest > limits.maxBufferSize) {
    throw new UnsupportedDeviceError('A buffer of the network is too large for this device.', {
      expected: `at most ${limits.maxBufferSize} bytes (maxBufferSize)`,
      actual: `${largest} bytes for ${plan.maxFaces} faces`,
      hint,
    });
  }
}

/** Creates buffers and collects what the device says about them later. */
class Allocator {
  readonly #device: GPUDevice;
  readonly #ledger: BufferLedger;
  readonly #failures: Promise<GPUError | null>[] = [];

  constructor(device: GPUDevice, ledger: BufferLedger) {
    this.#device = device;
    this.#ledger = ledger;
  }

  create(descriptor: GPUBufferDescriptor, fill?: (target: ArrayBuffer) => void): GPUBuffer {
    this.#device.pushErrorScope('validation');
    this.#device.pushErrorScope('out-of-memory');
    try {
      const buffer = this.#ledger.create({ ...descriptor, mappedAtCreation: fill !== undefined });
      if (fill) {
        fill(buffer.getMappedRange());
        buffer.unmap();
      }
      return buffer;
    } catch (cause) {
      // Mapping at creation throws a RangeError where there is no memory to map.
      if (cause instanceof RangeError) throw outOfMemory(descriptor.label, cause);
      throw cause;
    } finally {
      this.#failures.push(this.#device.popErrorScope(), this.#device.popErrorScope());
    }
  }

  /** @throws if a buffer created so far failed */
  async settle(): Promise<void> {
    for (const error of await Promise.all(this.#failures.splice(0))) {
      if (!error) continue;
      if (error instanceof GPUOutOfMemoryError) throw outOfMemory(error.message, error);
      throw new SwinFaceError('INTERNAL', `The GPU refused a buffer: ${error.message}`, { cause: error });
    }
  }
}

const outOfMemory = (what: string | undefined, cause: unknown) =>
  new UnsupportedDeviceError(`The GPU has no memory left (${what}).`, {
    cause,
    hint: 'Use a smaller maxFaces or smaller weights.',
  });
