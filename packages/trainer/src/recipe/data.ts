import * as v from 'valibot';
import type { Augmentation } from '../data/augment.js';
import type { CropGeometry } from '../data/crop.js';
import type { Emphasis } from '../data/draws.js';
import { EXPRESSIONS } from '../data/expressions.js';
import { MAX_AGE } from '../data/samples.js';
import { between, check, count, share, text } from './schema.js';

/** One data set's share of training. */
export interface PartRecipe {
  /** Path of the list NAME.jsonl. */
  readonly list: string;
  /** Part of the set that is drawn from; "train" by default. */
  readonly split?: string;
  /** Faces per step. */
  readonly count: number;
  /** How the crops are kept on disk: 144 RGB pixels at the template's scale by default, which leaves margins for augmentation. */
  readonly crop?: CropGeometry;
  /** Changes to the standard augmentation. */
  readonly augmentation?: Partial<Augmentation>;
  /** Faces that are drawn more often than others. */
  readonly emphasis?: readonly Emphasis[];
  /** Of the recipe's views of cached features, how many are used; all by default. */
  readonly views?: number;
  /** Weight of the teacher's embedding for these faces; 0 (no teacher needed) by default. */
  readonly embeddingWeight?: number;
  /** Train identities of this set; false by default. */
  readonly identities?: boolean;
}

/** What training reads, as plain data. */
export interface DataRecipe {
  readonly seed: number;
  /** Folder for crops and teacher embeddings that are computed once. */
  readonly cache: string;
  readonly parts: readonly PartRecipe[];
  readonly teacher?: {
    /** Path of the ONNX file, or "package/path" of a file in an installed npm package. */
    readonly model: string;
    /** Length of the student's embedding. */
    readonly dims: number;
  };
}

/** Fewer pixels show no face. */
const LEAST_SIDE = 16;

export const augmentationSchema = v.strictObject({
  zoom: v.exactOptional(
    v.pipe(
      v.strictTuple([between(0.1, 10), between(0.1, 10)]),
      v.check(([low, high]) => low <= high, '[low, high]'),
    ),
  ),
  flip: v.exactOptional(share),
  rotation: v.exactOptional(between(0, 60)),
  shift: v.exactOptional(between(0, 60)),
  colour: v.exactOptional(share),
  grey: v.exactOptional(share),
  distort: v.exactOptional(share),
  border: v.exactOptional(share),
  erase: v.exactOptional(share),
} satisfies Readonly<Record<keyof Augmentation, v.GenericSchema | v.ExactOptionalSchema<v.GenericSchema, undefined>>>);

const partSchema = v.strictObject({
  list: text,
  count,
  split: v.exactOptional(text),
  crop: v.exactOptional(
    v.strictObject({
      side: v.pipe(count, v.minValue(LEAST_SIDE)),
      scale: between(0.1, 10),
      channels: v.picklist([1, 3]),
    }),
  ),
  augmentation: v.exactOptional(augmentationSchema),
  emphasis: v.exactOptional(
    v.array(
      v.strictObject({
        age: v.exactOptional(v.strictTuple([between(0, MAX_AGE), between(0, MAX_AGE)])),
        gender: v.exactOptional(v.picklist(['female', 'male'])),
        race: v.exactOptional(text),
        expression: v.exactOptional(v.picklist(EXPRESSIONS)),
        times: v.pipe(count, v.maxValue(100)),
      }),
    ),
  ),
  views: v.exactOptional(count),
  embeddingWeight: v.exactOptional(between(0, 1000)),
  identities: v.exactOptional(v.boolean()),
});

/** What of a recipe says where the faces come from. */
export const dataSchema = v.strictObject({
  seed: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0)), 0),
  cache: text,
  parts: v.pipe(v.array(partSchema), v.minLength(1)),
  teacher: v.exactOptional(v.strictObject({ model: text, dims: count })),
}) satisfies v.GenericSchema<unknown, DataRecipe>;

/**
 * Checks a data recipe read from a file.
 *
 * @throws {InvalidInputError} naming the field that is missing, unknown or wrong.
 */
export const parseDataRecipe = (value: unknown): DataRecipe =>
  check(v.object({ data: dataSchema }), { data: value }, 'recipe', () => 'The recipe').data;
