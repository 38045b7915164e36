/** Held-out figures of one variant, one record a seed. */
export interface AblationRow {
  readonly variant: string;
  readonly metrics: readonly Readonly<Record<string, number>>[];
}

const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * The study as a table in Markdown. The first row, the base: mean over the seeds, and half the distance between the best and the
 * worst. Every other row: the mean, and its difference from the base's. The last row: two standard errors of such a difference, from
 * the scatter that is left when what a row and what a seed have in common is taken off; a difference beyond it is bold.
 */
export function ablationTable(rows: readonly AblationRow[]): string[] {
  const names = [...new Set(rows.flatMap(({ metrics }) => metrics.flatMap((run) => Object.keys(run))))];
  const columns = names.map((name) => {
    const values = rows.map(({ metrics }) => metrics.flatMap((run) => (run[name] === undefined ? [] : [run[name]])));
    // Shares are shown in percent, years as they are.
    const factor = Math.max(...values.flat()) <= 1 ? 100 : 1;
    return columnCells(values.map((row) => row.map((value) => factor * value)));
  });
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(['variant', ...names]),
    `|---|${names.map(() => '---|').join('')}`,
    ...[...rows.map(({ variant }) => variant), 'noise'].map((heading, index) =>
      line([heading, ...columns.map((cells) => cells[index] ?? '')]),
    ),
  ];
}

/** One figure of all rows, the base's first, and below them the noise of a difference. */
function columnCells(rows: readonly (readonly number[])[]): string[] {
  const [base = [], ...others] = rows;
  const noise =
    2 * Math.sqrt((2 * residualVariance(rows.filter(({ length }) => length === base.length))) / base.length);
  const cells = others.map((values) => {
    if (values.length === 0) return '';
    const difference = meanOf(values) - meanOf(base);
    const signed = `${difference < 0 ? '-' : '+'}${Math.abs(difference).toFixed(2)}`;
    return `${meanOf(values).toFixed(2)} (${Math.abs(difference) > noise ? `**${signed}**` : signed})`;
  });
  const half = (Math.max(...base) - Math.min(...base)) / 2;
  return [
    `${meanOf(base).toFixed(2)} ± ${half.toFixed(2)}`,
    ...cells,
    Number.isNaN(noise) ? '' : `± ${noise.toFixed(2)}`,
  ];
}

/** Variance of rows by seeds without the means of either: a seed moves all rows alike, which no difference contains. */
function residualVariance(rows: readonly (readonly number[])[]): number {
  const seeds = rows[0]?.length ?? 0;
  const grand = meanOf(rows.flat());
  const bySeed = Array.from({ length: seeds }, (_, seed) => meanOf(rows.flatMap((row) => row.slice(seed, seed + 1))));
  const squares = rows.flatMap((row) =>
    row.map((value, seed) => (value - meanOf(row) - (bySeed[seed] ?? Number.NaN) + grand) ** 2),
  );
  return squares.reduce((sum, square) => sum + square, 0) / ((rows.length - 1) * (seeds - 1));
}
