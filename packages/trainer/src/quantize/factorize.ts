/** A symmetric positive definite matrix as P L D L^T P^T. */
export interface SymmetricFactor {
  /** Row k of the factor stands for row order[k] of the matrix; ascending by its diagonal. */
  readonly order: Int32Array;
  /** L transposed [K, K], row-major: entry (k, j), j > k, is L_jk; the diagonal and what lies below are not used. */
  readonly lower: Float64Array;
}

/**
 * Factorises matrix + damping * I with unit lower triangular L.
 *
 * @param matrix symmetric, positive semidefinite [size, size]
 */
export function factorize(matrix: Float32Array, size: number, damping: number): SymmetricFactor {
  const order = Int32Array.from({ length: size }, (_, i) => i).sort(
    (a, b) => (matrix[a * size + a] as number) - (matrix[b * size + b] as number),
  );
  const l = new Float64Array(size * size);
  const pivots = new Float64Array(size);
  const scaled = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const row = (order[i] as number) * size;
    const at = i * size;
    // Row i of L D first (the division by D comes with the next row's needs): u_j = a_ij - sum_k<j u_k L_jk.
    for (let j = 0; j < i; j++) {
      const other = j * size;
      let a = matrix[row + (order[j] as number)] as number;
      let b = 0;
      let k = 0;
      for (; k + 1 < j; k += 2) {
        a -= (scaled[k] as number) * (l[other + k] as number);
        b -= (scaled[k + 1] as number) * (l[other + k + 1] as number);
      }
      if (k < j) a -= (scaled[k] as number) * (l[other + k] as number);
      scaled[j] = a + b;
    }
    let pivot = (matrix[row + (order[i] as number)] as number) + damping;
    for (let j = 0; j < i; j++) {
      const value = (scaled[j] as number) / (pivots[j] as number);
      l[at + j] = value;
      pivot -= (scaled[j] as number) * value;
    }
    // Float32 moments are positive semidefinite only up to rounding; damping is the least a pivot should be.
    pivots[i] = Math.max(pivot, damping);
  }
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) l[j * size + i] = l[i * size + j] as number;
  }
  return { order, lower: l };
}
