import { embeddingLength, InvalidInputError, type OperatingPoint } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { describeValue, isObject, requireInput } from '@swinface/geometry';
import { requireVerification } from './checked.js';
import { checkCount, takenId, vectorFor } from './face-index.js';
import { type CompareOptions, requiredPoint, requireSameModel } from './matching.js';
import { isRecognisable, requireRecognisable } from './recognisability.js';
import { innerProducts, largest } from './search.js';
import { agreementOf, thresholdRule } from './threshold.js';
import type {
  Embedded,
  FaceIndex,
  GalleryData,
  GalleryMatch,
  GalleryModel,
  Identification,
  IdentificationRates,
} from './types.js';

const FORMAT = 'swinface-gallery';

/** How far an imported row's length may be from 1: float32 rounding of 512 values stays below 1e-6. */
const NORM_TOLERANCE = 1e-3;

/**
 * Known faces of one model, searched exactly: every query is compared with every entry, in one contiguous array.
 * 100,000 entries of 512 numbers take 205 MB and 40 ms a query (64 numbers: 26 MB, 6 ms); beyond that, use a database.
 *
 * @example
 * const gallery = new Gallery(analyzer.manifest);
 * gallery.add('ada', enrol(shots, analyzer.manifest.calibration));
 * const [best] = gallery.search(face, 1);
 * const known = gallery.identify(face, { falseMatchRate: 1e-4 });
 */
export class Gallery implements FaceIndex {
  readonly model: string;
  /** Length of an embedding. */
  readonly dimensions: number;
  readonly #verification: readonly OperatingPoint[];
  #rows: Float32Array;
  readonly #ids: string[] = [];
  readonly #agreements: number[] = [];
  readonly #rowOf = new Map<string, number>();

  /**
   * @param model the manifest of the model, or what a gallery needs of it
   * @throws {InvalidInputError} if the model's id is empty or the length of its embeddings not a positive integer
   */
  constructor(model: GalleryModel) {
    const usable = isObject(model) && isObject(model.config) && isObject(model.calibration);
    requireInput(usable, 'The model of a gallery', 'its manifest', model);
    const { id, config, calibration } = model;
    const { verification } = calibration;
    requireVerification(verification);
    const length = embeddingLength(config);
    if (typeof id !== 'string' || id === '') {
      throw new InvalidInputError('A gallery belongs to one model.', { expected: 'the id of a model' });
    }
    if (!Number.isInteger(length) || length < 1) {
      throw new InvalidInputError('A gallery needs the length of its embeddings.', {
        expected: 'a positive integer',
        actual: describeValue(length),
      });
    }
    this.model = id;
    this.dimensions = length;
    this.#verification = verification;
    this.#rows = new Float32Array(0);
  }

  /** Number of entries. */
  get size(): number {
    return this.#ids.length;
  }

  /** Whether there is an entry of this id. */
  has(id: string): boolean {
    return this.#rowOf.has(id);
  }

  add(id: string, face: Embedded): void {
    if (typeof id !== 'string' || id === '' || this.has(id)) throw takenId(id);
    const [vector, agreement] = [vectorFor(this, face), agreementOf(face)];
    requireRecognisable(face);
    const needed = (this.size + 1) * this.dimensions;
    if (needed > this.#rows.length) {
      const grown = new Float32Array(Math.max(needed, 2 * this.#rows.length));
      grown.set(this.#rows);
      this.#rows = grown;
    }
    this.#rows.set(vector, this.size * this.dimensions);
    this.#rowOf.set(id, this.size);
    this.#ids.push(id);
    this.#agreements.push(agreement);
  }

  remove(id: string): boolean {
    const row = this.#rowOf.get(id);
    if (row === undefined) return false;
    const last = at(this.#ids, this.#ids.length - 1);
    const agreement = at(this.#agreements, this.#ids.length - 1);
    this.#ids.pop();
    this.#agreements.pop();
    // The last entry fills the gap.
    if (last !== id) {
      const start = this.#ids.length * this.dimensions;
      this.#rows.copyWithin(row * this.dimensions, start, start + this.dimensions);
      this.#ids[row] = last;
      this.#agreements[row] = agreement;
      this.#rowOf.set(last, row);
    }
    this.#rowOf.delete(id);
    return true;
  }

  search(face: Embedded, k = 5): readonly GalleryMatch[] {
    checkCount(k);
    const similarities = innerProducts(vectorFor(this, face), this.#rows, this.size);
    return largest(similarities, k).map((row) => this.#match(row, similarities));
  }

  /**
   * The entry that a face is taken for: the one furthest above its threshold; undefined where none reaches it, which may
   * be a stranger or somebody who is missed ({@link Gallery.rates} says how often), and for a face that is not
   * recognisable, who may be anybody.
   *
   * @throws {InvalidInputError} as `search`, and if the false match rate was not measured for the model, naming those
   *   that were
   */
  identify(face: Embedded, options: CompareOptions = {}): Identification | undefined {
    const point = requiredPoint(this.#verification, options);
    const { falseMatchRate } = point;
    const similarities = innerProducts(vectorFor(this, face), this.#rows, this.size);
    if (!isRecognisable(face)) return undefined;
    const [rule, agreement] = [thresholdRule(point, this.#verification), agreementOf(face)];
    const threshold = (row: number) => rule(agreement * at(this.#agreements, row));
    const [best] = largest(
      similarities.map((similarity, row) => similarity - threshold(row)),
      1,
    );
    if (best === undefined) return undefined;
    const found = { ...this.#match(best, similarities), threshold: threshold(best), falseMatchRate };
    if (found.similarity < found.threshold) return undefined;
    return { ...found, falseIdentificationRate: this.#falseIdentificationRate(point) };
  }

  /**
   * How often {@link Gallery.identify} is wrong, with as many entries as there are now.
   *
   * @throws {InvalidInputError} if the false match rate was not measured for the model, naming those that were
   *
   * @example
   * const { falseIdentificationRate } = gallery.rates({ falseMatchRate: 1e-4 });
   */
  rates(options: CompareOptions = {}): IdentificationRates {
    const point = requiredPoint(this.#verification, options);
    const { falseMatchRate, falseNonMatchRate } = point;
    return { falseMatchRate, falseIdentificationRate: this.#falseIdentificationRate(point), falseNonMatchRate };
  }

  #falseIdentificationRate({ falseMatchRate }: OperatingPoint): number {
    return 1 - (1 - falseMatchRate) ** this.size;
  }

  /** A copy as plain data, for `structuredClone`, `postMessage` or IndexedDB. */
  toData(): GalleryData & { readonly embeddings: Float32Array } {
    const { model, dimensions } = this;
    const embeddings = this.#rows.slice(0, this.size * dimensions);
    const [ids, agreements] = [[...this.#ids], [...this.#agreements]];
    return { format: FORMAT, version: 1, model, dimensions, ids, agreements, embeddings };
  }

  /** What `JSON.stringify` writes: as `toData`, the embeddings as numbers. */
  toJSON(): GalleryData {
    const data = this.toData();
    return { ...data, embeddings: Array.from(data.embeddings) };
  }

  /**
   * A gallery from what `toData` gave or `JSON.parse` read. Nothing about the data is trusted.
   *
   * @param model as for the constructor
   * @throws {InvalidInputError} naming what is wrong with the data, or if they are of another model
   */
  static from(data: unknown, model: GalleryModel): Gallery {
    const { model: id, dimensions, ids, agreements, embeddings } = checkedData(data);
    const gallery = new Gallery(model);
    requireSameModel(gallery.model, id);
    if (dimensions !== gallery.dimensions) throw invalid(`${gallery.dimensions} dimensions`, `${dimensions}`);
    if (agreements.length !== ids.length) throw invalid(`${ids.length} agreements`, `${agreements.length}`);
    if (embeddings.length !== ids.length * dimensions) {
      throw invalid(`${ids.length} x ${dimensions} numbers in embeddings`, `${embeddings.length}`);
    }
    ids.forEach((id, row) => {
      const embedding = Float32Array.from(embeddings.slice(row * dimensions, (row + 1) * dimensions));
      const norm = Math.hypot(...embedding);
      if (!(Math.abs(norm - 1) <= NORM_TOLERANCE)) {
        throw invalid('embeddings of length 1', `length ${norm} at entry ${row} (${JSON.stringify(id)})`);
      }
      gallery.add(id, { embedding, model: gallery.model, agreement: at(agreements, row) });
      // As stored, not normalised once more, so that a round trip changes no bit.
      gallery.#rows.set(embedding, row * dimensions);
    });
    return gallery;
  }

  #match(row: number, similarities: Float64Array): GalleryMatch {
    return {
      id: at(this.#ids, row),
      similarity: Math.min(1, Math.max(-1, at(similarities, row))),
      agreement: at(this.#agreements, row),
    };
  }
}

const invalid = (expected: string, actual: string): InvalidInputError =>
  new InvalidInputError('This is not the data of a gallery.', { expected, actual });

function checkedData(data: unknown): GalleryData {
  const isRecord = typeof data === 'object' && data !== null;
  const { format, version, model, dimensions, ids, agreements, embeddings } = (isRecord ? data : {}) as Record<
    string,
    unknown
  >;
  if (format !== FORMAT || version !== 1) {
    throw invalid(`format "${FORMAT}", version 1`, `${describeValue(format)}, version ${describeValue(version)}`);
  }
  if (typeof model !== 'string' || model === '') throw invalid('a model id', typeof model);
  if (typeof dimensions !== 'number') throw invalid('dimensions, a number', typeof dimensions);
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'string')) throw invalid('ids, strings', typeof ids);
  if (!isNumbers(agreements)) throw invalid('agreements, numbers', typeof agreements);
  if (!(embeddings instanceof Float32Array) && !isNumbers(embeddings)) {
    throw invalid('embeddings, a Float32Array or numbers', typeof embeddings);
  }
  return { format, version, model, dimensions, ids, agreements, embeddings };
}

const isNumbers = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((element) => typeof element === 'number');
