import * as v from 'valibot';
import { embeddingLength, placedTasks, RECOGNITION } from '../config.js';
import { WeightsInvalidError } from '../errors.js';
import { tensorShapes } from '../networks/index.js';
import { sizeOf } from '../tensor.js';
import { configSchema } from './config-schema.js';
import { plainFileName } from './file-name.js';
import type { Manifest } from './manifest-types.js';
import { BYTES_PER_ELEMENT } from './quantized.js';
import { describeIssue } from './safetensors.js';

const finite = v.pipe(v.number(), v.finite());
const positive = v.pipe(finite, v.gtValue(0));
const fraction = v.pipe(finite, v.minValue(0), v.maxValue(1));
const cosine = v.pipe(finite, v.minValue(-1), v.maxValue(1));
const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const interval = v.pipe(
  v.strictObject({ low: fraction, high: fraction }),
  v.check(({ low, high }) => low <= high, 'must have low at most high'),
);
const text = v.pipe(v.string(), v.maxLength(10_000));
/** As long as the longest embedding that a config may have. */
const MOST_EMBEDDING = 4096;
const ascending = <T>(key: (entry: T) => number) =>
  v.check<T[], string>(
    (list) => list.every((entry, i) => i === 0 || key(entry) > key(list[i - 1] as T)),
    'must be in ascending order',
  );

const dtype = v.picklist(['F32', 'F16', 'I8']);

const quantization = v.strictObject({
  source: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
  dtype,
  rounding: v.picklist(['nearest', 'compensated']),
  effects: v.pipe(
    v.array(
      v.strictObject({
        set: text,
        faces: natural,
        cosine: v.exactOptional(v.strictObject({ mean: cosine, lowest: cosine })),
        changed: v.record(v.string(), fraction),
        age: v.exactOptional(v.pipe(finite, v.minValue(0))),
        metrics: v.record(v.string(), finite),
      }),
    ),
    v.maxLength(100),
  ),
});

const manifestSchema = v.strictObject({
  format: v.literal('swinface'),
  version: v.literal(1),
  id: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
  config: configSchema,
  synthetic: v.boolean(),
  shards: v.pipe(
    v.array(
      v.strictObject({
        file: plainFileName,
        bytes: v.pipe(natural, v.minValue(1), v.maxValue(2 ** 31)),
        sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits')),
      }),
    ),
    v.minLength(1),
    v.maxLength(1000),
  ),
  tensors: v.record(
    v.string(),
    v.pipe(
      v.strictObject({ dtype, shape: v.array(natural), shard: natural }),
      v.check(({ dtype, shape }) => dtype !== 'I8' || shape.length >= 2, 'must not be I8: only matrices are'),
    ),
  ),
  crops: v.pipe(
    v.array(
      v.strictObject({
        zoom: v.pipe(finite, v.minValue(0.2), v.maxValue(2)),
        outputs: v.pipe(v.array(v.string()), v.minLength(1)),
      }),
    ),
    v.minLength(1),
    v.maxLength(8),
  ),
  calibration: v.strictObject({
    temperatures: v.record(v.string(), positive),
    thresholds: v.record(v.string(), fraction),
    ageIntervals: v.pipe(
      v.array(v.strictObject({ age: finite, halfWidth: positive })),
      ascending(({ age }) => age),
    ),
    verification: v.pipe(
      v.array(
        v.strictObject({
          falseMatchRate: fraction,
          threshold: cosine,
          falseNonMatchRate: fraction,
          measured: v.exactOptional(
            v.strictObject({
              strangers: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
              pairs: natural,
              falseMatches: interval,
              falseNonMatches: interval,
            }),
          ),
        }),
      ),
      ascending(({ falseMatchRate }) => falseMatchRate),
    ),
    recognisability: v.exactOptional(
      v.strictObject({
        weights: v.pipe(v.array(finite), v.minLength(1), v.maxLength(MOST_EMBEDDING)),
        length: finite,
        bias: finite,
      }),
    ),
  }),
  licence: text,
  trainingData: v.array(text),
  modelCard: v.exactOptional(plainFileName),
  metrics: v.record(v.string(), finite),
  quantization: v.exactOptional(quantization),
}) satisfies v.GenericSchema<unknown, Manifest>;

/**
 * Checks an untrusted manifest completely: types, bounds, and that its tensors are exactly those of its network.
 *
 * @throws {WeightsInvalidError} naming the field or the tensor
 */
export function parseManifest(json: unknown): Manifest {
  const parsed = v.safeParse(manifestSchema, json);
  if (!parsed.success) throw new WeightsInvalidError(`The manifest is invalid: ${describeIssue(parsed.issues[0])}.`);
  const manifest: Manifest = parsed.output;
  const shapes = tensorShapes(manifest.config);
  for (const [name, shape] of shapes) {
    const listed = manifest.tensors[name];
    if (!listed) throw new WeightsInvalidError(`The manifest lacks the tensor ${name}.`);
    if (listed.shape.join() !== shape.join()) {
      throw new WeightsInvalidError(`The manifest's tensor ${name} has the wrong shape.`, {
        expected: `[${shape.join(', ')}]`,
        actual: `[${listed.shape.join(', ')}]`,
      });
    }
    if (listed.shard >= manifest.shards.length) {
      throw new WeightsInvalidError(`The manifest puts ${name} in shard ${listed.shard} of ${manifest.shards.length}.`);
    }
  }
  const extra = Object.keys(manifest.tensors).find((name) => !shapes.has(name));
  if (extra !== undefined)
    throw new WeightsInvalidError(`The network has no tensor ${extra}, which the manifest lists.`);
  checkShardSizes(manifest);
  const { weights } = manifest.calibration.recognisability ?? {};
  const length = embeddingLength(manifest.config);
  if (weights && weights.length !== length) {
    throw new WeightsInvalidError("The manifest's weights of recognisability do not fit its embedding.", {
      expected: `${length}`,
      actual: `${weights.length}`,
    });
  }

  const outputs = new Set([RECOGNITION, ...placedTasks(manifest.config).map(({ task }) => task.name)]);
  const offered = manifest.crops.flatMap((crop) => crop.outputs);
  const unknown = offered.find((name) => !outputs.has(name));
  if (unknown !== undefined) throw new WeightsInvalidError(`The manifest's crops name the unknown output ${unknown}.`);
  if (new Set(offered).size !== offered.length) {
    throw new WeightsInvalidError("The manifest's crops name an output more than once.");
  }
  return manifest;
}

/** Header of a shard's file: names, shapes and positions as JSON, with room for what other writers say of themselves. */
const MOST_HEADER_BYTES = 2 ** 20;

/** What a server may send follows from the network, or a manifest could ask for gigabytes of memory. */
function checkShardSizes({ shards, tensors }: Manifest): void {
  const most = shards.map(() => 8 + MOST_HEADER_BYTES);
  for (const { dtype, shape, shard } of Object.values(tensors)) {
    const scales = dtype === 'I8' ? (shape[0] ?? 1) * BYTES_PER_ELEMENT.F32 : 0;
    most[shard] = (most[shard] ?? 0) + sizeOf(shape) * BYTES_PER_ELEMENT[dtype] + scales;
  }
  for (const [index, { file, bytes }] of shards.entries()) {
    if (bytes <= (most[index] ?? 0)) continue;
    throw new WeightsInvalidError(`The manifest gives ${file} more bytes than its tensors have.`, {
      expected: `at most ${most[index]}`,
      actual: `${bytes}`,
    });
  }
}
