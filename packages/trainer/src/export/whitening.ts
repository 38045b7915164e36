import { BATCH_NORM_EPSILON, type HostTensor, InvalidInputError } from '@swinface/core';
import { at } from '@swinface/core/internal';

/**
 * A map under which embeddings of one person vary alike in every direction: the inverse of the Cholesky factor of their
 * covariance within persons (within-class covariance normalisation: Hatch, Kajarekar and Stolcke, 2006). Directions that
 * vary with the picture more than with the person then count for less in a cosine.
 *
 * @param embeddings unit rows [N, dims].
 * @param identities whose face each row is; rows without one, and persons with a single row, are left out.
 * @param shrinkage how much of the mean variance is added to every direction, against noise in the estimate.
 * @returns [dims, dims], lower triangular, scaled to leave lengths about as they were.
 * @throws {InvalidInputError} if no person has two rows that differ.
 */
export function withinClassWhitening(
  embeddings: Float32Array,
  dims: number,
  identities: readonly (string | undefined)[],
  shrinkage: number,
): Float64Array {
  const persons = groupRows(identities);
  const covariance = new Float64Array(dims * dims);
  for (const rows of persons.values()) {
    if (rows.length < 2) continue;
    const value = (row: number, d: number) => at(embeddings, row * dims + d);
    const mean = Float64Array.from(
      { length: dims },
      (_, d) => rows.reduce((sum, row) => sum + value(row, d), 0) / rows.length,
    );
    for (const row of rows) {
      for (let i = 0; i < dims; i++) {
        const v = value(row, i) - at(mean, i);
        for (let j = 0; j <= i; j++) {
          covariance[i * dims + j] = at(covariance, i * dims + j) + v * (value(row, j) - at(mean, j));
        }
      }
    }
  }
  let trace = 0;
  for (let i = 0; i < dims; i++) trace += at(covariance, i * dims + i);
  if (!(trace > 0)) {
    throw new InvalidInputError('Embeddings cannot be whitened.', {
      expected: 'a list in which somebody has two faces with the same identity, and not the same picture twice',
      actual: `${persons.size} persons whose faces do not differ`,
    });
  }
  // In units of the mean variance, so that the map is about the identity.
  const inUnits = covariance.map((value, place) => (value * dims) / trace + (place % (dims + 1) === 0 ? shrinkage : 0));
  return invertLower(choleskyFactor(inUnits, dims), dims);
}

function groupRows(identities: readonly (string | undefined)[]): Map<string, number[]> {
  const persons = new Map<string, number[]>();
  for (const [row, identity] of identities.entries()) {
    if (identity === undefined) continue;
    const rows = persons.get(identity);
    if (rows) rows.push(row);
    else persons.set(identity, [row]);
  }
  return persons;
}

/** L with L Lᵀ = a, of which only the lower triangle is read. */
export function choleskyFactor(a: Float64Array, n: number): Float64Array {
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = at(a, i * n + j);
      for (let k = 0; k < j; k++) sum -= at(factor, i * n + k) * at(factor, j * n + k);
      factor[i * n + j] = i === j ? Math.sqrt(sum) : sum / (factor[j * n + j] ?? 1);
    }
  }
  return factor;
}

function invertLower(factor: Float64Array, n: number): Float64Array {
  const inverse = new Float64Array(n * n);
  for (let column = 0; column < n; column++) {
    for (let i = column; i < n; i++) {
      let sum = i === column ? 1 : 0;
      for (let k = column; k < i; k++) sum -= at(factor, i * n + k) * at(inverse, k * n + column);
      inverse[i * n + column] = sum / (factor[i * n + i] ?? 1);
    }
  }
  return inverse;
}

/**
 * Weights whose embeddings are `map` times those of the given ones: the map goes into the last layer of recognition and
 * the BatchNorm after it, which then scales nothing.
 *
 * @param map [F, F]
 */
export function mapEmbeddings(weights: ReadonlyMap<string, HostTensor>, map: Float64Array): Map<string, HostTensor> {
  const read = (name: string): HostTensor => {
    const tensor = weights.get(`backbone.feature.${name}`);
    if (!tensor) throw new InvalidInputError(`The weights have no backbone.feature.${name}.`);
    return tensor;
  };
  const [linear, scale, shift, mean, variance] = [
    '2.weight',
    '3.weight',
    '3.bias',
    '3.running_mean',
    '3.running_var',
  ].map(read) as [HostTensor, HostTensor, HostTensor, HostTensor, HostTensor];
  const [rows = 0, columns = 0] = linear.shape;
  const gain = scale.data.map((value, r) => value / Math.sqrt(at(variance.data, r) + BATCH_NORM_EPSILON));
  const mapped = new Float32Array(rows * columns);
  const bias = new Float32Array(rows);
  for (let r = 0; r < rows; r++) {
    for (let k = 0; k < rows; k++) {
      const factor = at(map, r * rows + k);
      const g = factor * at(gain, k);
      for (let c = 0; c < columns; c++) {
        mapped[r * columns + c] = at(mapped, r * columns + c) + g * at(linear.data, k * columns + c);
      }
      bias[r] = at(bias, r) + factor * at(shift.data, k) - g * at(mean.data, k);
    }
  }
  const vector = (data: Float32Array): HostTensor => ({ shape: [rows], data });
  const out = new Map(weights);
  const put = (name: string, tensor: HostTensor) => out.set(`backbone.feature.${name}`, tensor);
  put('2.weight', { shape: linear.shape, data: mapped });
  put('3.weight', vector(new Float32Array(rows).fill(Math.sqrt(1 + BATCH_NORM_EPSILON))));
  put('3.bias', vector(bias));
  put('3.running_mean', vector(new Float32Array(rows)));
  put('3.running_var', vector(new Float32Array(rows).fill(1)));
  return out;
}
