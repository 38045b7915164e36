import { InvalidInputError } from '@swinface/core';
import { type Augmentation, STANDARD_AUGMENTATION } from './augment.js';
import type { CropGeometry } from './crop.js';

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

type Fields = Readonly<Record<string, unknown>>;

const fail = (where: string, expected: string, actual: unknown): never => {
  throw new InvalidInputError(`The recipe's ${where} is wrong.`, { expected, actual: JSON.stringify(actual) });
};

function fields(value: unknown, where: string, known: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail(where, 'an object', value);
  const unknown = Object.keys(value).filter((key) => !known.includes(key));
  return unknown.length > 0 ? fail(where, `only ${known.join(', ')}`, unknown) : (value as Fields);
}

const text = (value: unknown, where: string): string =>
  typeof value === 'string' && value !== '' ? value : fail(where, 'a string', value);

const number = (value: unknown, where: string, low: number, high: number): number =>
  typeof value === 'number' && value >= low && value <= high
    ? value
    : fail(where, `a number from ${low} to ${high}`, value);

const whole = (value: unknown, where: string, low: number): number =>
  Number.isSafeInteger(number(value, where, low, 2 ** 31)) ? (value as number) : fail(where, 'a whole number', value);

function parseAugmentation(value: unknown, where: string): Partial<Augmentation> {
  const given = fields(value, where, Object.keys(STANDARD_AUGMENTATION));
  const { zoom, ...rest } = given;
  if (zoom !== undefined) {
    const [low, high] = Array.isArray(zoom) ? zoom : [undefined, undefined];
    if (number(low, `${where}.zoom`, 0.1, 10) > number(high, `${where}.zoom`, 0.1, 10)) {
      fail(`${where}.zoom`, '[low, high]', zoom);
    }
  }
  for (const [key, v] of Object.entries(rest))
    number(v, `${where}.${key}`, 0, key === 'rotation' || key === 'shift' ? 60 : 1);
  return given as Partial<Augmentation>;
}

function parseCrop(value: unknown, where: string): CropGeometry {
  const { side, scale, channels } = fields(value, where, ['side', 'scale', 'channels']);
  return {
    side: whole(side, `${where}.side`, 16),
    scale: number(scale, `${where}.scale`, 0.1, 10),
    channels: channels === 1 || channels === 3 ? channels : fail(`${where}.channels`, '1 or 3', channels),
  };
}

function parsePart(value: unknown, where: string): PartRecipe {
  const known = ['list', 'split', 'count', 'crop', 'augmentation', 'embeddingWeight', 'identities'];
  const part = fields(value, where, known);
  return {
    list: text(part.list, `${where}.list`),
    count: whole(part.count, `${where}.count`, 1),
    ...(part.split === undefined ? {} : { split: text(part.split, `${where}.split`) }),
    ...(part.crop === undefined ? {} : { crop: parseCrop(part.crop, `${where}.crop`) }),
    ...(part.augmentation === undefined
      ? {}
      : { augmentation: parseAugmentation(part.augmentation, `${where}.augmentation`) }),
    ...(part.embeddingWeight === undefined
      ? {}
      : { embeddingWeight: number(part.embeddingWeight, `${where}.embeddingWeight`, 0, 1000) }),
    ...(part.identities === undefined ? {} : { identities: part.identities === true }),
  };
}

/**
 * Checks a data recipe read from a file.
 *
 * @throws {InvalidInputError} naming the field that is missing, unknown or wrong.
 */
export function parseDataRecipe(value: unknown): DataRecipe {
  const { seed, cache, parts, teacher } = fields(value, 'data', ['seed', 'cache', 'parts', 'teacher']);
  const list = Array.isArray(parts) && parts.length > 0 ? parts : fail('data.parts', 'one or more parts', parts);
  const recipe: DataRecipe = {
    seed: whole(seed ?? 0, 'data.seed', 0),
    cache: text(cache, 'data.cache'),
    parts: list.map((part, i) => parsePart(part, `data.parts[${i}]`)),
  };
  if (teacher === undefined) return recipe;
  const { model, dims } = fields(teacher, 'data.teacher', ['model', 'dims']);
  return {
    ...recipe,
    teacher: { model: text(model, 'data.teacher.model'), dims: whole(dims, 'data.teacher.dims', 1) },
  };
}
