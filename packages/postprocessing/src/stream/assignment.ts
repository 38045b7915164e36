import { at } from '@swinface/core/internal';
/**
 * The one-to-one assignment of rows to columns with the least total cost (Kuhn-Munkres by shortest augmenting paths,
 * O(rows^2 columns)).
 *
 * @param costs [rows][columns], finite, rows <= columns
 * @returns the column of each row
 */
export function cheapestAssignment(costs: readonly (readonly number[])[]): number[] {
  if (costs.length === 0) return [];
  const columns = at(costs, 0).length;
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
      const current = at(rowOf, column);
      let [step, next] = [Infinity, -1];
      for (let j = 0; j < columns; j++) {
        if (visited[j]) continue;
        const reduced = at(at(costs, current), j) - at(rowPrice, current) - at(columnPrice, j);
        if (reduced < at(least, j)) {
          least[j] = reduced;
          cameFrom[j] = column;
        }
        if (at(least, j) < step) [step, next] = [at(least, j), j];
      }
      for (let j = 0; j <= columns; j++) {
        if (visited[j]) {
          rowPrice[at(rowOf, j)] = at(rowPrice, at(rowOf, j)) + step;
          columnPrice[j] = at(columnPrice, j) - step;
        } else least[j] = at(least, j) - step;
      }
      column = next;
    } while (rowOf[column] !== -1);
    // Back along the path, each column takes the row of the one before.
    while (column !== columns) {
      const before = at(cameFrom, column);
      rowOf[column] = at(rowOf, before);
      column = before;
    }
  }
  const columnOf: number[] = Array(costs.length).fill(-1);
  rowOf.slice(0, columns).forEach((row, j) => {
    if (row >= 0) columnOf[row] = j;
  });
  return columnOf;
}
