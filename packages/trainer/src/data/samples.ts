import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import { ACTION_UNITS, LANDMARKS } from '../heads.js';
import { ARCFACE_TEMPLATE, type FivePoints, type Point } from './similarity.js';
import { TarArchive } from './tar.js';

/** One labelled face; every label is optional, for no data set has them all. */
export interface FaceSample {
  readonly key: string;
  /** Tar archive beside the list that holds `file`; without it `file` is a path beside the list. */
  readonly shard?: string;
  readonly file: string;
  /** In the pixels of the stored image; null where no face was found. */
  readonly points: FivePoints | null;
  /** Part of the set: train, val or test. */
  readonly split?: string;
  /** Years. */
  readonly age?: number;
  readonly gender?: 'female' | 'male';
  readonly race?: string;
  readonly identity?: string;
  /** Counts of an identity's images, as in LFW's pair lists. */
  readonly number?: number;
  /** 40 characters 0/1 in the order of {@link CELEBA_ATTRIBUTES}. */
  readonly attributes?: string;
  /** How many taggers chose each expression. */
  readonly votes?: Readonly<Record<string, number>>;
  /** x, y of 72 landmarks in the pixels of the stored image. */
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
  Array.isArray(value) && value.length === 2 && value.every((v) => typeof v === 'number' && Number.isFinite(v));

const isFivePoints = (value: unknown): value is FivePoints =>
  Array.isArray(value) && value.length === ARCFACE_TEMPLATE.length && value.every(isPoint);

const isVotes = (value: unknown): value is Record<string, number> =>
  typeof value === 'object' && value !== null && Object.values(value).every((v) => typeof v === 'number' && v >= 0);

const areNumbers = (value: unknown, length: number, low: number, high: number): value is number[] =>
  Array.isArray(value) &&
  value.length === length &&
  value.every((v) => typeof v === 'number' && Number.isFinite(v) && v >= low && v <= high);

/**
 * Parses one line of a list.
 *
 * @throws {InvalidInputError} if the line is not JSON or a field has the wrong type.
 */
export function parseSample(line: string, where: string): FaceSample {
  const fail = (expected: string): never => {
    throw new InvalidInputError(`${where} is not a face sample.`, { expected, actual: line.slice(0, 200) });
  };
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return fail('a JSON object');
  }
  const { key, shard, file, points, split, age, gender, race, identity, number, attributes, votes } = record;
  const { landmarks, actionUnits } = record;
  if (typeof key !== 'string' || typeof file !== 'string') return fail('strings `key` and `file`');
  if (shard !== undefined && typeof shard !== 'string') return fail('a string `shard`');
  if (points !== undefined && points !== null && !isFivePoints(points))
    return fail('`points`: five [x, y] pairs or null');
  if (age !== undefined && !(typeof age === 'number' && age >= 0)) return fail('`age` in years');
  if (gender !== undefined && gender !== 'female' && gender !== 'male') return fail('`gender`: "female" or "male"');
  if (attributes !== undefined && !(typeof attributes === 'string' && /^[01]{40}$/.test(attributes))) {
    return fail('`attributes`: 40 characters 0 or 1');
  }
  if (votes !== undefined && !isVotes(votes)) return fail('`votes`: a count per expression');
  if (landmarks !== undefined && !areNumbers(landmarks, 2 * LANDMARKS, -1e5, 1e5)) {
    return fail(`\`landmarks\`: ${2 * LANDMARKS} numbers`);
  }
  if (actionUnits !== undefined && !areNumbers(actionUnits, ACTION_UNITS.length, 0, 1)) {
    return fail(`\`actionUnits\`: ${ACTION_UNITS.length} numbers in 0..1`);
  }
  return {
    key,
    file,
    points: points ?? null,
    ...(shard === undefined ? {} : { shard }),
    ...(typeof split === 'string' ? { split } : {}),
    ...(typeof age === 'number' ? { age } : {}),
    ...(gender === undefined ? {} : { gender }),
    ...(typeof race === 'string' ? { race } : {}),
    ...(identity === undefined || identity === null ? {} : { identity: String(identity) }),
    ...(typeof number === 'number' ? { number } : {}),
    ...(attributes === undefined ? {} : { attributes }),
    ...(votes === undefined ? {} : { votes }),
    ...(landmarks === undefined ? {} : { landmarks }),
    ...(actionUnits === undefined ? {} : { actionUnits }),
  };
}

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
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new InvalidInputError(`The list ${path} cannot be read.`, { expected: 'a file NAME.jsonl', cause });
  });
  const lines = bytes.toString('utf8').split('\n');
  const samples = lines.flatMap((line, i) => (line.trim() ? [parseSample(line, `${path}:${i + 1}`)] : []));
  if (samples.length === 0) throw new InvalidInputError(`${path} lists no samples.`);
  const name = path.replace(/^.*[\\/]/, '').replace(/\.jsonl$/, '');
  const digest = createHash('sha256').update(bytes).digest('hex');
  return { name, folder: dirname(path), samples, digest, meanPoints: meanPoints(samples) };
}

/** Reads the encoded images of a data set; keeps its archives open until `close()`. */
export class ImageFiles {
  private readonly archives = new Map<string, Promise<TarArchive>>();

  constructor(private readonly folder: string) {}

  /** The encoded bytes of a sample's image. */
  async read(sample: FaceSample): Promise<Buffer> {
    if (sample.shard === undefined) return readFile(join(this.folder, sample.file));
    let archive = this.archives.get(sample.shard);
    if (!archive) {
      archive = TarArchive.open(join(this.folder, sample.shard));
      this.archives.set(sample.shard, archive);
    }
    return (await archive).read(sample.file);
  }

  /** Closes every archive. */
  async close(): Promise<void> {
    for (const archive of this.archives.values()) await (await archive).close();
    this.archives.clear();
  }
}
