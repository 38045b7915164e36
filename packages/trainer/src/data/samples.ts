import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import { ARCFACE_TEMPLATE, type FivePoints, type Point } from '@swinface/geometry';
import { readBytes } from '../files/read.js';
import { ACTION_UNITS, LANDMARKS } from '../tasks/heads.js';
import { EXPRESSIONS } from './expressions.js';
import { TarArchive } from './tar.js';

/** The oldest person on record was 122. */
export const MAX_AGE = 122;
/** Years; errors are divided by it, squared. */
const LEAST_DEVIATION = 0.01;
/** Pixels; no photograph is wider. */
const MAX_COORDINATE = 1e5;
/** Of votes and of images of a person. */
const MAX_COUNT = 1e6;
/** A string holds no more; two million faces. */
const MAX_LIST_BYTES = 500 * 2 ** 20;

/** One labelled face; every label is optional, for no data set has them all. */
export interface FaceSample {
  readonly key: string;
  /** Tar archive beside the list that holds `file`; without it `file` is a path beside the list. */
  readonly shard?: string;
  readonly file: string;
  /** In pixels of the image, upright, pixel centres on .5, as `align` and a page find them; null where no face was found. */
  readonly points: FivePoints | null;
  /** Part of the set: train, val or test. */
  readonly split?: string;
  /** Years. */
  readonly age?: number;
  /** Standard deviation of what several people said of the age, in years; CLAP2015 has it. */
  readonly ageDeviation?: number;
  readonly gender?: 'female' | 'male';
  readonly race?: string;
  readonly identity?: string;
  /** Counts of an identity's images, as in LFW's pair lists. */
  readonly number?: number;
  /** 40 characters 0/1 in the order of {@link CELEBA_ATTRIBUTES}. */
  readonly attributes?: string;
  /** How many taggers chose each expression. */
  readonly votes?: Readonly<Record<string, number>>;
  /** x, y of 72 landmarks in the same pixels. */
  readonly landmarks?: readonly number[];
  /** How strongly each of the 17 action units shows, 0 to 1. */
  readonly actionUnits?: readonly number[];
}

/** A list of samples and the images that go with it. */
export interface Dataset {
  /** File name of the list without its ending. */
  readonly name: string;
  readonly folder: string;
  readonly samples: readonly FaceSample[];
  /** SHA-256 of the list. */
  readonly digest: string;
  /** Stands in where a sample's points are null: the mean of the set's points, or undefined when it has none. */
  readonly meanPoints: FivePoints | undefined;
}

const isPoint = (value: unknown): value is Point =>
  Array.isArray(value) && value.length === 2 && value.every((v) => isNumber(v, -MAX_COORDINATE, MAX_COORDINATE));

const isFivePoints = (value: unknown): value is FivePoints =>
  Array.isArray(value) && value.length === ARCFACE_TEMPLATE.length && value.every(isPoint);

/** What taggers could choose: the seven expressions, and what is none of them. */
const VOTES = new Set([...EXPRESSIONS, 'contempt', 'unknown', 'NF']);

const isVotes = (value: unknown): value is Record<string, number> =>
  isRecord(value) && Object.entries(value).every(([name, votes]) => VOTES.has(name) && isNumber(votes, 0, MAX_COUNT));

const isNumber = (value: unknown, low: number, high: number): value is number =>
  typeof value === 'number' && value >= low && value <= high;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const areNumbers = (value: unknown, length: number, low: number, high: number): value is number[] =>
  Array.isArray(value) && value.length === length && value.every((v) => isNumber(v, low, high));

/**
 * Parses one line of a list. A field that is null is absent.
 *
 * @param where the line stands, as FILE:LINE
 * @throws {InvalidInputError} if the line is not JSON or a field is not what it must be.
 */
export function parseSample(line: string, where: string): FaceSample {
  const fail = (expected: string, actual: unknown = line): never => {
    throw new InvalidInputError(`${where} is not a face sample.`, { expected, actual: shown(actual) });
  };
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    return fail('a JSON object');
  }
  if (!isRecord(record)) return fail('a JSON object');
  const fields = record;
  /** A field whose type `is` checks; undefined where it is absent. */
  const field = <T>(name: string, is: (value: unknown) => value is T, expected: string): T | undefined => {
    const value = fields[name] ?? undefined;
    return value === undefined || is(value) ? value : fail(`\`${name}\`: ${expected}`, value);
  };
  const text = (name: string) => field(name, isText, 'a string');
  const key = text('key') ?? fail('a string `key`');
  const file = text('file') ?? fail('a string `file`');
  const identity = field('identity', isName, 'a string or a number');
  return {
    key,
    file,
    points: field('points', isFivePoints, 'five [x, y] pairs or null') ?? null,
    ...known({
      shard: text('shard'),
      split: text('split'),
      age: field('age', (value) => isNumber(value, 0, MAX_AGE), `years from 0 to ${MAX_AGE}`),
      ageDeviation: field(
        'ageDeviation',
        (value) => isNumber(value, LEAST_DEVIATION, MAX_AGE),
        `years from ${LEAST_DEVIATION} to ${MAX_AGE}`,
      ),
      gender: field('gender', isGender, '"female" or "male"'),
      race: text('race'),
      identity: identity === undefined ? undefined : String(identity),
      number: field('number', (value) => isNumber(value, 0, MAX_COUNT), `a number from 0 to ${MAX_COUNT}`),
      attributes: field('attributes', isAttributes, '40 characters 0 or 1'),
      votes: field('votes', isVotes, `a count for each of ${[...VOTES].join(', ')}`),
      landmarks: field(
        'landmarks',
        (value) => areNumbers(value, 2 * LANDMARKS, -MAX_COORDINATE, MAX_COORDINATE),
        `${2 * LANDMARKS} numbers`,
      ),
      actionUnits: field(
        'actionUnits',
        (value) => areNumbers(value, ACTION_UNITS.length, 0, 1),
        `${ACTION_UNITS.length} numbers in 0..1`,
      ),
    }),
  };
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, 200);
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isName = (value: unknown): value is string | number =>
  typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value));
const isGender = (value: unknown): value is 'female' | 'male' => value === 'female' || value === 'male';
const isAttributes = (value: unknown): value is string => typeof value === 'string' && /^[01]{40}$/.test(value);

/** The fields that are not absent. */
export const known = <T extends object>(fields: T) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

function meanPoints(samples: readonly FaceSample[]): FivePoints | undefined {
  const known = samples.flatMap(({ points }) => (points ? [points] : []));
  if (known.length === 0) return undefined;
  const mean = (i: number): Point => {
    let [x, y] = [0, 0];
    for (const points of known) {
      x += (points[i]?.[0] ?? 0) / known.length;
      y += (points[i]?.[1] ?? 0) / known.length;
    }
    return [x, y];
  };
  return [mean(0), mean(1), mean(2), mean(3), mean(4)];
}

/**
 * Reads a list `NAME.jsonl`, one sample a line.
 *
 * @throws {InvalidInputError} if the file cannot be read, a line is malformed, or the list is empty.
 */
export async function readDataset(path: string): Promise<Dataset> {
  const bytes = await readBytes(path, 'a list NAME.jsonl');
  const samples = parseList(bytes, path);
  const name = path.replace(/^.*[\\/]/, '').replace(/\.jsonl$/, '');
  const digest = createHash('sha256').update(bytes).digest('hex');
  return { name, folder: dirname(path), samples, digest, meanPoints: meanPoints(samples) };
}

/**
 * The samples of a list.
 *
 * @param path of its file, for messages
 * @throws {InvalidInputError} naming the line that is malformed, or if the list is empty or too long
 */
export function parseList(bytes: Buffer, path: string): FaceSample[] {
  if (bytes.length > MAX_LIST_BYTES) {
    throw new InvalidInputError(`${path} is too long.`, { expected: `at most ${MAX_LIST_BYTES / 2 ** 20} MiB` });
  }
  const lines = bytes
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .split('\n');
  const samples = lines.flatMap((line, i) => (line.trim() ? [parseSample(line, `${path}:${i + 1}`)] : []));
  if (samples.length === 0) throw new InvalidInputError(`${path} lists no samples.`);
  return samples;
}

/** A list as it is stored: one sample a line. */
export const jsonLines = (samples: readonly FaceSample[]): string =>
  samples.map((sample) => `${JSON.stringify(sample)}\n`).join('');

/** Indices of the samples in a part of the set. */
export const inSplit = (dataset: Dataset, split: string): number[] =>
  dataset.samples.flatMap((sample, i) => (sample.split === split ? [i] : []));

/** Reads the encoded images of a data set; keeps its archives open until `close()`. */
export class ImageFiles {
  private readonly archives = new Map<string, Promise<TarArchive>>();

  constructor(private readonly folder: string) {}

  /** The encoded bytes of a sample's image. */
  async read(sample: FaceSample): Promise<Buffer> {
    if (sample.shard === undefined) return readBytes(join(this.folder, sample.file), 'an image');
    return (await this.archive(sample.shard)).read(sample.file);
  }

  private archive(shard: string): Promise<TarArchive> {
    let archive = this.archives.get(shard);
    if (!archive) {
      archive = TarArchive.open(join(this.folder, shard));
      this.archives.set(shard, archive);
    }
    return archive;
  }

  /**
   * Opens the archives that samples lie in, so that one that is missing is not taken for many images that are.
   *
   * @throws {InvalidInputError} if one cannot be read
   */
  async openArchives(samples: readonly FaceSample[]): Promise<void> {
    for (const shard of new Set(samples.flatMap((sample) => sample.shard ?? []))) await this.archive(shard);
  }

  /** Closes every archive. */
  async close(): Promise<void> {
    for (const archive of this.archives.values()) {
      // One that could not be opened has nothing to close.
      await archive.then((opened) => opened.close()).catch(() => {});
    }
    this.archives.clear();
  }
}
