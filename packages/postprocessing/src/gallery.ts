import { InvalidInputError } from '@swinface/core';
import { dot, embeddingOf, requireSameModel } from './matching.js';
import { normalised } from './numeric.js';
import type { Embedded, GalleryData, GalleryMatch } from './types.js';

const FORMAT = 'swinface-gallery';

/** How far an imported row's length may be from 1: float32 rounding of 512 values stays below 1e-6. */
const NORM_TOLERANCE = 1e-3;

/**
 * Known faces of one model, searched exactly: every query is compared with every entry, in one contiguous array.
 * A million entries of 512 numbers take 2 GB and about a second a query; beyond that, use an index.
 *
 * @example
 * const gallery = new Gallery(analyzer.manifest.id, analyzer.manifest.config.feature);
 * gallery.add('ada', face);
 * const [best] = gallery.search(other, 1);
 * localStorage.setItem('gallery', JSON.stringify(gallery));
 */
export class Gallery {
  /** Id of the model whose embeddings it holds. */
  readonly model: string;
  /** Length of an embedding. */
  readonly dimensions: number;
  #rows: Float32Array;
  readonly #ids: string[] = [];
  readonly #rowOf = new Map<string, number>();

  /**
   * @param model `manifest.id` of the model
   * @param dimensions length of its embeddings, `manifest.config.feature`
   * @throws {InvalidInputError} if `model` is empty or `dimensions` not a positive integer
   */
  constructor(model: string, dimensions: number) {
    if (typeof model !== 'string' || model === '') {
      throw new InvalidInputError('A gallery belongs to one model.', { expected: 'the id of a model' });
    }
    if (!Number.isInteger(dimensions) || dimensions < 1) {
      throw new InvalidInputError('A gallery needs the length of its embeddings.', {
        expected: 'a positive integer',
        actual: String(dimensions),
      });
    }
    this.model = model;
    this.dimensions = dimensions;
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

  /**
   * Adds a face under an id of its own.
   *
   * @throws {InvalidInputError} if the id is empty or taken, or the face is of another model or has no usable embedding
   */
  add(id: string, face: Embedded): void {
    if (typeof id !== 'string' || id === '' || this.has(id)) {
      throw new InvalidInputError('An entry of a gallery needs an id of its own.', {
        expected: 'a string that is not empty and not yet in use',
        actual: JSON.stringify(id),
        hint: 'Remove the old entry first to replace it.',
      });
    }
    const vector = this.#vectorOf(face);
    const needed = (this.size + 1) * this.dimensions;
    if (needed > this.#rows.length) {
      const grown = new Float32Array(Math.max(needed, 2 * this.#rows.length));
      grown.set(this.#rows);
      this.#rows = grown;
    }
    this.#rows.set(vector, this.size * this.dimensions);
    this.#rowOf.set(id, this.size);
    this.#ids.push(id);
  }

  /** Removes an entry; false if there is none of this id. */
  remove(id: string): boolean {
    const row = this.#rowOf.get(id);
    if (row === undefined) return false;
    const last = this.#ids.pop() as string;
    // The last entry fills the gap.
    if (last !== id) {
      const start = this.#ids.length * this.dimensions;
      this.#rows.copyWithin(row * this.dimensions, start, start + this.dimensions);
      this.#ids[row] = last;
      this.#rowOf.set(last, row);
    }
    this.#rowOf.delete(id);
    return true;
  }

  /**
   * The `k` entries most similar to a face, best first; fewer where the gallery is smaller.
   *
   * @throws {InvalidInputError} if the face is of another model or has no usable embedding, or `k` is not a positive integer
   */
  search(face: Embedded, k = 5): readonly GalleryMatch[] {
    if (!Number.isInteger(k) || k < 1) {
      throw new InvalidInputError('The number of matches to find must be positive.', {
        expected: 'an integer from 1',
        actual: String(k),
      });
    }
    const query = this.#vectorOf(face);
    const best: GalleryMatch[] = [];
    this.#ids.forEach((id, row) => {
      const similarity = dot(query, this.#rows, row * this.dimensions);
      if (best.length === k && similarity <= (best[k - 1]?.similarity ?? -1)) return;
      const place = best.findIndex((other) => other.similarity < similarity);
      best.splice(place < 0 ? best.length : place, 0, { id, similarity });
      if (best.length > k) best.pop();
    });
    return best;
  }

  /** A copy as plain data, for `structuredClone`, `postMessage` or IndexedDB. */
  toData(): GalleryData & { readonly embeddings: Float32Array } {
    const { model, dimensions } = this;
    const embeddings = this.#rows.slice(0, this.size * dimensions);
    return { format: FORMAT, version: 1, model, dimensions, ids: [...this.#ids], embeddings };
  }

  /** What `JSON.stringify` writes: as `toData`, the embeddings as numbers. */
  toJSON(): GalleryData {
    const data = this.toData();
    return { ...data, embeddings: Array.from(data.embeddings) };
  }

  /**
   * A gallery from what `toData` gave or `JSON.parse` read. Nothing about the data is trusted.
   *
   * @throws {InvalidInputError} naming what is wrong with the data
   */
  static from(data: unknown): Gallery {
    const { model, dimensions, ids, embeddings } = checkedData(data);
    const gallery = new Gallery(model, dimensions);
    if (embeddings.length !== ids.length * dimensions) {
      throw invalid(`${ids.length} x ${dimensions} numbers in embeddings`, `${embeddings.length}`);
    }
    ids.forEach((id, row) => {
      const embedding = Float32Array.from(embeddings.slice(row * dimensions, (row + 1) * dimensions));
      const norm = Math.hypot(...embedding);
      if (!(Math.abs(norm - 1) <= NORM_TOLERANCE)) {
        throw invalid('embeddings of length 1', `length ${norm} at entry ${row} (${JSON.stringify(id)})`);
      }
      gallery.add(id, { embedding, model });
      // As stored, not normalised once more, so that a round trip changes no bit.
      gallery.#rows.set(embedding, row * dimensions);
    });
    return gallery;
  }

  #vectorOf(face: Embedded): Float32Array {
    requireSameModel(this.model, face.model);
    const embedding = embeddingOf(face);
    if (embedding.length !== this.dimensions) {
      throw new InvalidInputError('The embedding does not fit this gallery.', {
        expected: `${this.dimensions} numbers`,
        actual: `${embedding.length}`,
      });
    }
    return normalised(embedding, 'The embedding');
  }
}

const invalid = (expected: string, actual: string): InvalidInputError =>
  new InvalidInputError('This is not the data of a gallery.', { expected, actual });

function checkedData(data: unknown): GalleryData {
  const isRecord = typeof data === 'object' && data !== null;
  const { format, version, model, dimensions, ids, embeddings } = (isRecord ? data : {}) as Record<string, unknown>;
  if (format !== FORMAT || version !== 1) {
    throw invalid(`format "${FORMAT}", version 1`, `${JSON.stringify(format)}, version ${JSON.stringify(version)}`);
  }
  if (typeof model !== 'string' || model === '') throw invalid('a model id', typeof model);
  if (typeof dimensions !== 'number') throw invalid('dimensions, a number', typeof dimensions);
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'string')) throw invalid('ids, strings', typeof ids);
  if (!(embeddings instanceof Float32Array) && !isNumbers(embeddings)) {
    throw invalid('embeddings, a Float32Array or numbers', typeof embeddings);
  }
  return { format, version, model, dimensions, ids, embeddings };
}

const isNumbers = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((element) => typeof element === 'number');
