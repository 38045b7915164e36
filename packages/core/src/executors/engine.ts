// For applications whose own settings do not name it; `Symbol.dispose` is in the types of this package.
/// <reference lib="esnext.disposable" preserve="true" />
import { describeValue, isBranded, isObject, requireInput } from '@swinface/geometry';
import { InvalidInputError } from '../errors.js';
import { type Network, requireNetwork } from '../networks/network.js';

/** Results by the names of the network's outputs, each [count, ...]. Nothing here is normalized or calibrated yet. */
export type NetworkResults = Readonly<Record<string, Float32Array>>;

/** A network ready to run: weights loaded, pipelines compiled. */
export interface Engine {
  readonly kind: 'webgpu' | 'wasm' | 'tfjs';
  /** For people: which backend and adapter does the work, e.g. "WebGPU (apple metal-3)". */
  readonly description: string;
  readonly network: Network;
  /** Most faces a single `run` accepts. */
  readonly maxFaces: number;
  /**
   * @param images RGB in [-1, 1], [count, 3, height, width]
   * @throws {InvalidInputError} if the length does not fit `count`, or `count` is not within 1..maxFaces
   * @throws {DisposedError} after `dispose`
   */
  run(images: Float32Array, count: number): Promise<NetworkResults>;
  /** Frees everything the network holds; later calls of `run` throw. Idempotent. */
  dispose(): void;
}

/** @throws {InvalidInputError} unless the option is a positive integer */
export function checkPositive(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 1) return;
  throw new InvalidInputError(`${name} is invalid.`, { expected: 'a positive integer', actual: describeValue(value) });
}

/** @throws {InvalidInputError} unless an engine can be made from these options, its weights apart */
export function checkEngineOptions(options: {
  readonly network: Network;
  readonly maxFaces: number;
  readonly signal?: AbortSignal | undefined;
}): void {
  requireInput(isObject(options), 'The argument "options"', 'an object with network, weights and maxFaces', options);
  const { network, maxFaces, signal } = options;
  requireNetwork(network);
  checkPositive('maxFaces', maxFaces);
  const usable = signal === undefined || isBranded(signal, 'AbortSignal');
  requireInput(usable, 'The option "signal"', 'an AbortSignal', signal);
}

/** @throws {InvalidInputError} unless an engine made for `maxFaces` takes so many */
export function checkCount(count: number, maxFaces: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= maxFaces) return;
  throw new InvalidInputError('The number of faces is out of range.', {
    expected: `an integer within 1..${maxFaces}`,
    actual: describeValue(count),
    hint: 'Split the batch, or create the engine with a larger maxFaces.',
  });
}

/** @throws {InvalidInputError} unless these are so many pictures for the network */
export function checkImages({ input }: Network, images: Float32Array, count: number): void {
  const expected = count * sizeOfImage(input);
  if (images instanceof Float32Array && images.length === expected) return;
  throw new InvalidInputError('The images have the wrong size.', {
    expected: `${expected} numbers: ${count} faces of ${input.channels} x ${input.height} x ${input.width}`,
    actual: images instanceof Float32Array ? `${images.length}` : describeValue(images),
  });
}

/** Numbers of one picture. */
export const sizeOfImage = ({ channels, height, width }: Network['input']): number => channels * height * width;

/** SwinFace's results as plain arrays, by what they mean. */
export interface RawOutputs {
  /** Number of faces B. */
  readonly count: number;
  /** [B, embedding]; absent if Recognition was not selected. */
  readonly embeddings?: Float32Array;
  /** [B, R], columns as laid out by `OutputSelection.tasks`; absent if no task was selected. */
  readonly logits?: Float32Array;
  /** FM1..FM4 [B, H*W, C]; only where the network gives them. */
  readonly levels?: readonly [Float32Array, Float32Array, Float32Array, Float32Array];
}

/**
 * The results of SwinFace for `count` faces.
 *
 * @throws {InvalidInputError} if these are no results of a network, or no number of faces
 */
export function rawOutputs(results: NetworkResults, count: number): RawOutputs {
  const usable = isObject(results) && Object.values(results).every((values) => isBranded(values, 'Float32Array'));
  requireInput(usable, 'The argument "results" of rawOutputs', 'Float32Arrays by output, as an engine gives', results);
  requireInput(Number.isInteger(count) && count > 0, 'The argument "count" of rawOutputs', 'a number of faces', count);
  const { embedding, logits, level1, level2, level3, level4 } = results;
  return {
    count,
    ...(embedding ? { embeddings: embedding } : {}),
    ...(logits ? { logits } : {}),
    ...(level1 && level2 && level3 && level4 ? { levels: [level1, level2, level3, level4] } : {}),
  };
}
