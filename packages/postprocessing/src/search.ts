/**
 * Inner products of one vector with every row.
 *
 * @param query [dimensions]
 * @param rows [at least count * dimensions], row-major
 */
export function innerProducts(query: ArrayLike<number>, rows: Float32Array, count: number): Float64Array {
  // In doubles, so that the query is not widened again for every row, and in four sums, so that none waits for another.
  const q = Float64Array.from(query);
  const products = new Float64Array(count);
  const whole = q.length - (q.length % 4);
  for (let row = 0, start = 0; row < count; row++, start += q.length) {
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    for (let i = 0; i < whole; i += 4) {
      const k = start + i;
      s0 += (q[i] as number) * (rows[k] as number);
      s1 += (q[i + 1] as number) * (rows[k + 1] as number);
      s2 += (q[i + 2] as number) * (rows[k + 2] as number);
      s3 += (q[i + 3] as number) * (rows[k + 3] as number);
    }
    for (let i = whole; i < q.length; i++) s0 += (q[i] as number) * (rows[start + i] as number);
    products[row] = s0 + s1 + (s2 + s3);
  }
  return products;
}

/** Indices of the `k` largest values, largest first, the earlier of equals first; all of them where there are fewer. */
export function largest(values: Float64Array, k: number): number[] {
  const worse = (a: number, b: number): boolean => {
    const difference = (values[a] as number) - (values[b] as number);
    return difference < 0 || (difference === 0 && a > b);
  };
  // A binary heap of the best so far, the worst of them on top.
  const heap: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (heap.length < k) {
      let at = heap.push(i) - 1;
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (!worse(i, heap[parent] as number)) break;
        heap[at] = heap[parent] as number;
        at = parent;
      }
      heap[at] = i;
    } else if (worse(heap[0] as number, i)) {
      let at = 0;
      for (;;) {
        let child = 2 * at + 1;
        if (child + 1 < k && worse(heap[child + 1] as number, heap[child] as number)) child++;
        if (child >= k || !worse(heap[child] as number, i)) break;
        heap[at] = heap[child] as number;
        at = child;
      }
      heap[at] = i;
    }
  }
  return heap.sort((a, b) => (worse(a, b) ? 1 : -1));
}
