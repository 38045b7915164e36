/**
 * The one-to-one assignment of rows to columns with the least total cost (Kuhn-Munkres by shortest augmenting paths,
 * O(rows^2 columns)).
 *
 * @param costs [rows][columns], finite, rows <= columns
 * @returns the column of each row
 */
export function cheapestAssignment(costs: readonly (readonly number[])[]): number[] {
  const columns = costs[0]?.length ?? 0;
  // Column `columns` is where each augmenting path begins.
  const rowOf: number[] = Array(columns + 1).fill(-1);
  const rowPrice: number[] = Array(costs.length).fill(0);
  const columnPrice: number[] = Array(columns + 1).fill(0);
  for (let row = 0; row < costs.length; row++) {
    const least: number[] = Array(columns).fill(Infinity);
    const cameFrom: number[] = Array(columns).fill(columns);
    const visited: boolean[] = Array(columns + 1).fill(false);
    let column = columns;
    rowOf[column] = row;
    do {
      visited[column] = true;
      const current = rowOf[column] as number;
      let [step, next] = [Infinity, -1];
      for (let j = 0; j < columns; j++) {
        if (visited[j]) continue;
        const reduced = (costs[current]?.[j] as number) - (rowPrice[current] as number) - (columnPrice[j] as number);
        if (reduced < (least[j] as number)) {
          least[j] = reduced;
          cameFrom[j] = column;
        }
        if ((least[j] as number) < step) [step, next] = [least[j] as number, j];
      }
      for (let j = 0; j <= columns; j++) {
        if (visited[j]) {
          rowPrice[rowOf[j] as number] = (rowPrice[rowOf[j] as number] as number) + step;
          columnPrice[j] = (columnPrice[j] as number) - step;
        } else least[j] = (least[j] as number) - step;
      }
      column = next;
    } while (rowOf[column] !== -1);
    // Back along the path, each column takes the row of the one before.
    while (column !== columns) {
      const before = cameFrom[column] as number;
      rowOf[column] = rowOf[before] as number;
      column = before;
    }
  }
  const columnOf: number[] = Array(costs.length).fill(-1);
  rowOf.slice(0, columns).forEach((row, j) => {
    if (row >= 0) columnOf[row] = j;
  });
  return columnOf;
}
