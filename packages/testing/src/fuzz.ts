/** Fuzzing of readers: valid files, damaged in every way that is likely to matter, the same way for the same number. */
import { SwinFaceError } from '@swinface/core';

/** Numbers that repeat for the same seed. */
export class FuzzRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number of 32 bits (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return (x ^ (x >>> 14)) >>> 0;
  }

  /** Below `limit`; 0 if there is nothing below. */
  below(limit: number): number {
    return limit <= 1 ? 0 : this.next() % limit;
  }

  pick<T>(list: readonly [T, ...T[]] | readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

/** Numbers at which length fields, positions and counts tend to break. */
const extremes = (size: number): readonly bigint[] => [
  ...[0n, 1n, 2n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0xffffn, 0x7fffffffn, 0x80000000n, 0xfffffffen, 0xffffffffn],
  ...[2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n],
  ...[-1, 0, 1].map((more) => BigInt(Math.max(0, size + more))),
];

type Mutation = (bytes: Buffer, at: number, random: FuzzRandom, other: Buffer) => Buffer;

const splice = (bytes: Buffer, at: number, remove: number, insert: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);

const field =
  (width: 2 | 4 | 8): Mutation =>
  (bytes, at, random) => {
    const value = BigInt.asUintN(8 * width, random.pick(extremes(bytes.length)));
    const insert = Buffer.alloc(8);
    insert.writeBigUInt64LE(value);
    return splice(bytes, at, width, insert.subarray(0, width));
  };

const MUTATIONS: readonly Mutation[] = [
  (bytes, at, random) => splice(bytes, at, 1, Buffer.of((bytes[at] ?? 0) ^ (1 << random.below(8)))),
  (bytes, at, random) => splice(bytes, at, 1, Buffer.of(random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]))),
  field(2),
  field(4),
  field(8),
  (bytes, at) => bytes.subarray(0, at),
  (bytes, at, random) => splice(bytes, at, random.below(64), Buffer.alloc(0)),
  (bytes, at, random) => splice(bytes, at, 0, bytes.subarray(at, at + random.below(256))),
  (bytes, at, random) =>
    splice(bytes, at, 0, Buffer.from(Array.from({ length: random.below(16) }, () => random.next()))),
  (bytes, at, random, other) => {
    const from = random.below(other.length);
    return splice(bytes, at, random.below(256), other.subarray(from, from + random.below(256)));
  },
  // A few bytes that the file has elsewhere: in its own alphabet, whatever that is.
  (bytes, at, random) => splice(bytes, at, 1, Buffer.of(bytes[random.below(bytes.length)] ?? 0)),
  (bytes, at, random) => {
    const from = random.below(bytes.length);
    return splice(bytes, at, random.below(4), bytes.subarray(from, from + 1 + random.below(8)));
  },
  (bytes, at, random, other) => Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length))]),
];

/**
 * One to four mutations of a file: flipped bits, cuts, repetitions, splices with another file, fields at extremes.
 *
 * @param spots positions that are worth more attention than others, such as headers
 */
export function mutateBytes(
  random: FuzzRandom,
  file: Uint8Array,
  other: Uint8Array = file,
  spots: readonly number[] = [],
): Buffer {
  let bytes: Buffer = Buffer.from(file);
  for (let count = random.pick([1, 1, 1, 2, 3, 4]); count > 0; count--) {
    const spot = spots.length > 0 && random.below(2) === 0 ? random.pick(spots) + random.below(48) : undefined;
    const at = Math.min(spot ?? random.below(bytes.length), bytes.length);
    bytes = random.pick(MUTATIONS)(bytes, at, random, Buffer.from(other));
  }
  return bytes;
}

const VALUES: readonly unknown[] = [
  ...[null, true, 0, -1, 0.5, 1e308, -1e308, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 53 - 1, Number.NaN, 1e9],
  ...['', '0', '../x', 'constructor', '__proto__', 'toString', '\u0000', 'x'.repeat(20_000)],
  ...[[], {}, [[]], [null], [0], [-1], [2 ** 26, 2 ** 27], { a: 1 }, Array(9).fill(1)],
];

const isContainer = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** One to three changes of a JSON value: entries removed, added, exchanged, set to unexpected values. */
export function mutateJson(random: FuzzRandom, json: unknown): unknown {
  const root = { json: structuredClone(json) };
  for (let count = 1 + random.below(3); count > 0; count--) {
    let parent: Record<string, unknown> = root;
    let key = 'json';
    for (let next: unknown = root.json; isContainer(next) && Object.keys(next).length > 0; next = parent[key]) {
      if (parent !== root && random.below(4) === 0) break;
      parent = next;
      key = random.pick(Object.keys(next));
    }
    const change = random.below(5);
    const old: unknown = parent[key];
    if (change === 0) delete parent[key];
    else if (change === 1) parent[key] = structuredClone(random.pick(Object.values(parent)));
    else if (change === 2) {
      // Defined, because assigning to __proto__ does something else than the JSON of that name.
      const [value, writable] = [structuredClone(random.pick(VALUES)), true];
      const name = random.pick([`${key}x`, '__proto__', 'constructor', '0', '']);
      Object.defineProperty(parent, name, { value, writable, enumerable: true, configurable: true });
    } else if (change === 3 && typeof old === 'number') parent[key] = old + random.pick([-1, 1, 8, 0.5, 2 ** 32]);
    else parent[key] = structuredClone(random.pick(VALUES));
  }
  return root.json;
}

/** A reader under test. */
export interface FuzzTarget {
  readonly name: string;
  /**
   * Damages an input; the result reads it. A SwinFaceError is a refusal; coming back is acceptance; anything else thrown
   * is a failure, also what the target itself throws because damage was accepted that a checksum covers.
   */
  readonly make: (random: FuzzRandom) => () => Promise<unknown>;
}

/** What fuzzing one target gave. */
export interface FuzzReport {
  readonly target: string;
  readonly cases: number;
  readonly refused: number;
  readonly accepted: number;
  /** Different reasons for refusal, names and numbers in them aside: how far into the reader the cases get. */
  readonly reasons: number;
  /** Most processor time that a single case took, in milliseconds. */
  readonly slowest: number;
  /** Most memory that a single case added to the process's peak, in bytes. */
  readonly growth: number;
  /** Cases that broke the rules, by their number. */
  readonly failures: readonly { readonly number: number; readonly why: string }[];
}

/** Processor time of one case, in milliseconds; damaged files are refused in less than a tenth. */
const MAX_TIME = 1000;
/** Memory that one case may add to the peak; the files have some hundred kilobytes. */
const MAX_GROWTH = 96 * 2 ** 20;

/** Runs a target on `cases` damaged inputs, numbered from `first`. */
export async function fuzz(target: FuzzTarget, cases: number, first = 0): Promise<FuzzReport> {
  let [refused, accepted, slowest, growth] = [0, 0, 0, 0];
  const reasons = new Set<string>();
  const failures: { number: number; why: string }[] = [];
  for (let number = first; number < first + cases; number++) {
    const read = target.make(new FuzzRandom(Math.imul(number + 1, 0x9e3779b1)));
    const peak = process.resourceUsage().maxRSS;
    const start = process.cpuUsage();
    const fail = (why: string) => failures.push({ number, why });
    try {
      await read();
      accepted++;
    } catch (error) {
      if (error instanceof SwinFaceError) {
        refused++;
        reasons.add(error.message.replace(/"[^"]*"|\S*[\d./_]\S*/g, '#').slice(0, 60));
      } else fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    const { user, system } = process.cpuUsage(start);
    const time = (user + system) / 1000;
    const grown = (process.resourceUsage().maxRSS - peak) * 1024;
    slowest = Math.max(slowest, time);
    growth = Math.max(growth, grown);
    if (time > MAX_TIME) fail(`It took ${time.toFixed(0)} ms.`);
    if (grown > MAX_GROWTH) fail(`It took ${(grown / 2 ** 20).toFixed(0)} MiB.`);
  }
  return { target: target.name, cases, refused, accepted, reasons: reasons.size, slowest, growth, failures };
}
