import type { BenchReport, Cell, ModelReport, Roofline } from './types.js';

const SLOWEST = 5;

/** Columns padded to their widest cell; the first is a name, the rest are figures. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((cell, i) => Math.max(cell.length, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(header), rule, ...rows.map(line)].join('\n');
}

const ms = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
const percent = (value: number): string => `${(100 * value).toFixed(0)} %`;
const megabytes = (value: number | undefined): string => (value === undefined ? '' : `${(value / 1e6).toFixed(0)} MB`);
const giga = (value: number): string => (value / 1e9).toPrecision(3);

/** The lowest cosines of an engine, as far as they differ from 1 in six digits. */
function cosine(cells: readonly Cell[]): string {
  const lowest = (of: (cell: Cell) => number) => Math.min(...cells.map(of)).toFixed(6);
  return `${lowest(({ parity }) => parity.lowestCosine)} / ${lowest(({ parity }) => parity.lowestLogitCosine)}`;
}

function speeds({ cells }: ModelReport): string {
  const batches = [...new Set(cells.map(({ batch }) => batch))];
  const engines = [...new Set(cells.map(({ engine }) => engine))];
  const base = (batch: number) => cells.find((cell) => cell.batch === batch && cell.engine === 'webgpu');
  const text = (cell: Cell | undefined): string[] => {
    if (!cell) return ['', ''];
    const { median, q1, q3, n } = cell.spread;
    const notes = `${cell.single ? ' single run' : ''}${cell.parity.passed ? '' : ' WRONG'}`;
    const ours = base(cell.batch);
    const ratio = ours && ours !== cell ? `${(median / ours.spread.median).toPrecision(2)}x` : '';
    const range = n > 1 ? ` [${ms(q1)}, ${ms(q3)}]` : '';
    return [`${ms(median / cell.batch)} (${ms(median)}${range} n=${n}${notes})`, ratio];
  };
  return table(
    ['engine', ...batches.flatMap((batch) => [`${batch}: ms a face (a run, quartiles)`, 'vs webgpu'])],
    engines.map((engine) => [
      engine,
      ...batches.flatMap((batch) => text(cells.find((cell) => cell.batch === batch && cell.engine === engine))),
    ]),
  );
}

/** What has no time in the table, and why. */
function gaps({ leftOut }: ModelReport): string[] {
  return leftOut.map(
    ({ engine, batch, reason, failed }) => `${failed ? 'FAILED' : 'Left out'}: ${engine}, batch ${batch}: ${reason}.`,
  );
}

function starts({ engines, cells }: ModelReport): string {
  const rows = Object.entries(engines).flatMap(([engine, opened]) => {
    if ('skipped' in opened) return [];
    const cell = cells.find((candidate) => candidate.engine === engine);
    const worst = cells.filter((candidate) => candidate.engine === engine).map(({ parity }) => parity.maxDifference);
    const calls = cell?.calls;
    return [
      [
        `${engine}: ${opened.description}`,
        ms(opened.create),
        opened.upload === undefined ? '' : ms(opened.upload),
        ms(opened.firstRun),
        ms(opened.create + opened.firstRun),
        ms(opened.longestTask),
        megabytes(opened.deviceBytes),
        megabytes(opened.pageBytes),
        calls && calls.dispatches > 0 ? `${calls.dispatches} / ${calls.submits} / ${calls.readbacks}` : '',
        Math.max(0, ...worst).toExponential(1),
        cosine(cells.filter((candidate) => candidate.engine === engine)),
      ],
    ];
  });
  const skipped = Object.entries(engines).flatMap(([engine, opened]) =>
    'skipped' in opened ? [`Skipped ${engine}: ${opened.skipped}.`] : [],
  );
  const measured = table(
    [
      'engine',
      'create ms',
      'uploaded ms',
      'first run ms',
      'to first result ms',
      'longest task ms',
      'tensors',
      'page',
      'dispatches / submits / readbacks',
      'max difference',
      'cosine of embedding / logits',
    ],
    rows,
  );
  return [measured, ...skipped].join('\n');
}

function rooflineText({ engine, batch, kernels, profiles, milliseconds, rows }: Roofline): string {
  const bound = rows.reduce((sum, row) => sum + row.bound, 0);
  const cells = rows
    .slice(0, 12)
    .map((row) => [
      row.label,
      ms(row.milliseconds),
      percent(row.share),
      (row.flops / 1e6).toFixed(1),
      (row.bytes / 1e6).toFixed(2),
      giga((row.flops / row.milliseconds) * 1000),
      giga((row.bytes / row.milliseconds) * 1000),
      row.boundBy,
      percent(row.attained),
    ]);
  const lacking = rows.slice(0, SLOWEST).map((row) => {
    const lost = row.milliseconds - row.bound;
    return `  ${row.label}: ${ms(row.milliseconds)} ms where ${row.boundBy} allows ${ms(row.bound)} ms; ${ms(lost)} ms (${percent(lost / milliseconds)} of the network) to gain at best`;
  });
  return [
    `${engine}, batch ${batch}: ${kernels} kernels, ${ms(milliseconds)} ms of GPU time (${profiles === 1 ? 'one profile' : `shortest of ${profiles}`}), bound ${ms(bound)} ms (${percent(bound / milliseconds)} attained)`,
    table(['module', 'ms', 'share', 'MFLOP', 'MB', 'GFLOP/s', 'GB/s', 'bound by', 'attained'], cells),
    'What the slowest five lack:',
    ...lacking,
  ].join('\n');
}

/** The whole report for people. */
export function reportText(report: BenchReport): string {
  const { machine, peak, threads, models, foreignRequests } = report;
  const wrong = models.flatMap(({ model, cells }) =>
    cells
      .filter(({ parity }) => !parity.passed)
      .map(
        ({ engine, batch, parity }) =>
          `WRONG: ${engine} on ${model}, batch ${batch}: max difference ${parity.maxDifference}, cosine ${parity.lowestCosine} (bar ${parity.bar})`,
      ),
  );
  return [
    `${report.date}  ${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(1)}; ${machine.browser}; took ${(report.seconds / 60).toFixed(0)} of ${report.minutes} minutes`,
    peak
      ? `Adapter: ${peak.adapter}${peak.software ? ' (software)' : ''}, measured peak ${giga(peak.flops)} GFLOP/s and ${giga(peak.bytes)} GB/s. CPU engines: ${threads} thread(s).`
      : `No WebGPU engine in this run. CPU engines: ${threads} thread(s).`,
    ...models.flatMap((model) => [
      '',
      `## ${model.model} (${model.gigaflopPerFace.toFixed(2)} GFLOP a face)`,
      '',
      speeds(model),
      ...gaps(model),
      '',
      starts(model),
      ...model.rooflines.flatMap((roofline) => ['', rooflineText(roofline)]),
    ]),
    '',
    ...wrong,
    ...(foreignRequests.length > 0 ? [`FOREIGN REQUESTS: ${foreignRequests.join(' ')}`] : []),
    report.passed ? 'All engines gave the right outputs.' : 'FAILED, see above.',
  ].join('\n');
}
