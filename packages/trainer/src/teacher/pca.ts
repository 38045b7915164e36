import { Random } from '../data/random.js';

/** The linear map of a vector onto the directions in which a set of vectors varies most. */
export interface Projection {
  readonly from: number;
  readonly to: number;
  /** [to, from], orthonormal rows. */
  readonly rows: Float64Array;
}

/** Makes the rows of `basis` [rows, dims] orthonormal (modified Gram-Schmidt, twice: once is not enough in a narrow span). */
function orthonormalize(basis: Float64Array, rows: number, dims: number): void {
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < rows; i++) {
      const row = basis.subarray(i * dims, (i + 1) * dims);
      for (let j = 0; j < i; j++) {
        const other = basis.subarray(j * dims, (j + 1) * dims);
        let dot = 0;
        for (let d = 0; d < dims; d++) dot += (row[d] ?? 0) * (other[d] ?? 0);
        for (let d = 0; d < dims; d++) row[d] = (row[d] ?? 0) - dot * (other[d] ?? 0);
      }
      let square = 0;
      for (let d = 0; d < dims; d++) square += (row[d] ?? 0) ** 2;
      const scale = 1 / Math.sqrt(square);
      for (let d = 0; d < dims; d++) row[d] = (row[d] ?? 0) * scale;
    }
  }
}

/**
 * The `to` directions that keep most of the inner products of some vectors: the leading eigenvectors of their second moments
 * about the origin. The mean is not subtracted, since cosines are taken about the origin too.
 *
 * @param vectors [N, from]; rows of zeros count for nothing.
 * @param indices rows to fit on.
 */
export function fitProjection(vectors: Float32Array, from: number, to: number, indices: Iterable<number>): Projection {
  const moments = new Float64Array(from * from);
  for (const index of indices) {
    const row = vectors.subarray(index * from, (index + 1) * from);
    for (let i = 0; i < from; i++) {
      const v = row[i] ?? 0;
      for (let j = i; j < from; j++) moments[i * from + j] = (moments[i * from + j] ?? 0) + v * (row[j] ?? 0);
    }
  }
  for (let i = 0; i < from; i++) for (let j = 0; j < i; j++) moments[i * from + j] = moments[j * from + i] ?? 0;
  // Orthogonal iteration on a few directions more than asked: convergence goes with the gap beyond the extra ones.
  const extra = Math.min(from, to + 16);
  const random = new Random(1);
  const basis = Float64Array.from({ length: extra * from }, () => random.normal());
  const next = new Float64Array(extra * from);
  orthonormalize(basis, extra, from);
  for (let iteration = 0; iteration < 60; iteration++) {
    for (let r = 0; r < extra; r++) {
      for (let i = 0; i < from; i++) {
        let sum = 0;
        for (let j = 0; j < from; j++) sum += (moments[i * from + j] ?? 0) * (basis[r * from + j] ?? 0);
        next[r * from + i] = sum;
      }
    }
    basis.set(next);
    orthonormalize(basis, extra, from);
  }
  return { from, to, rows: basis.slice(0, to * from) };
}

/** Projects vectors [N, from] to [N, to] and scales each to length one; rows of zeros stay. */
export function project(vectors: Float32Array, { from, to, rows }: Projection): Float32Array {
  const count = vectors.length / from;
  const out = new Float32Array(count * to);
  for (let n = 0; n < count; n++) {
    let square = 0;
    for (let r = 0; r < to; r++) {
      let sum = 0;
      for (let d = 0; d < from; d++) sum += (rows[r * from + d] ?? 0) * (vectors[n * from + d] ?? 0);
      out[n * to + r] = sum;
      square += sum * sum;
    }
    const scale = square > 0 ? 1 / Math.sqrt(square) : 0;
    for (let r = 0; r < to; r++) out[n * to + r] = (out[n * to + r] ?? 0) * scale;
  }
  return out;
}
