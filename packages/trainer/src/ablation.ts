import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import * as v from 'valibot';
import { NO_AUGMENTATION } from './data/augment.js';
import { openTrainingSource } from './data/index.js';
import { runEvaluate } from './evaluate/index.js';
import { exportRun, weightsToStartFrom } from './export.js';
import { headlineMetrics } from './model-card.js';
import { parseRecipe, type Recipe } from './recipe.js';
import { checkpointPath, train } from './train.js';

/** What to compare and where the runs go. */
export interface AblationOptions {
  /** Path of the study: JSON as in `recipes/ablation.json`. */
  readonly study: string;
  /** Folder of the runs. */
  readonly out: string;
  /** Threads of the CPU provider. */
  readonly threads?: number;
  readonly print?: (line: string) => void;
}

/** Held-out figures of one variant, one record a seed. */
export interface AblationRow {
  readonly variant: string;
  readonly metrics: readonly Readonly<Record<string, number>>[];
}

const studySchema = v.strictObject({
  seeds: v.pipe(v.array(v.pipe(v.number(), v.safeInteger())), v.minLength(2)),
  /** Lists whose held-out parts judge each run, and pairs for the one that numbers its images. */
  evaluation: v.pipe(v.array(v.string()), v.minLength(1)),
  pairs: v.exactOptional(v.string()),
  base: v.record(v.string(), v.unknown()),
  /** Changes to the base for a run that all others start from; from random weights without it. */
  start: v.exactOptional(v.record(v.string(), v.unknown())),
  /** Changes to the base as JSON merge patches (RFC 7386), by name. */
  variants: v.record(v.string(), v.record(v.string(), v.unknown())),
});

type Json = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** RFC 7386: records are merged, null removes, anything else replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const merged: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}

/**
 * Trains the base recipe and each variant of a study with every seed, from the same start and on the same budget, and
 * judges all of them on the same held-out faces. A run that has been judged is not trained again, so that a study survives interruptions.
 *
 * @throws {InvalidInputError} if the study or one of its recipes is not usable
 */
export async function ablate(options: AblationOptions): Promise<AblationRow[]> {
  const { out, print = () => {} } = options;
  const parsed = v.safeParse(studySchema, JSON.parse(await readFile(options.study, 'utf8')));
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new InvalidInputError(`The study's ${v.getDotPath(issue) ?? 'content'} is wrong.`, {
      expected: issue.expected ?? issue.message,
      actual: issue.received,
    });
  }
  const { seeds, base, start, variants, evaluation, pairs } = parsed.output;
  const recipes = Object.entries({ base: {}, ...variants }).map(([variant, patch]) => ({
    variant,
    of: (seed: number) => parseRecipe(mergePatch(mergePatch(base, patch), { seed, data: { seed } })),
  }));
  // Every recipe is read before the first is trained.
  for (const { of } of recipes) of(0);
  const first = start && join(out, 'start');
  if (first) {
    print('the start of all');
    await learn(parseRecipe(mergePatch(base, start)), first, options);
  }
  const rows: AblationRow[] = recipes.map(({ variant }) => ({ variant, metrics: [] }));
  for (const seed of seeds) {
    for (const [index, { variant, of }] of recipes.entries()) {
      const run = join(out, `${variant}-${seed}`);
      const results = join(run, 'results.json');
      if (!existsSync(results)) {
        print(`${variant}, seed ${seed}`);
        const recipe = of(seed);
        await learn(recipe, run, options, first);
        // Uncalibrated: thresholds fitted afterwards would hide what a method does to them.
        const { path } = await exportRun({ run, out: join(run, 'weights'), calibration: [] });
        const report = await runEvaluate({
          weights: path,
          data: evaluation,
          ...(pairs === undefined ? {} : { pairs }),
        });
        await mkdir(run, { recursive: true });
        await writeFile(results, `${JSON.stringify(headlineMetrics(report), null, 1)}\n`);
        await rm(join(run, 'weights'), { recursive: true });
      }
      const metrics = JSON.parse(await readFile(results, 'utf8')) as Record<string, number>;
      rows[index] = { variant, metrics: [...(rows[index]?.metrics ?? []), metrics] };
    }
  }
  return rows;
}

/** Trains a recipe in a folder, or goes on where it was interrupted; where it was not, nothing is left to do. */
async function learn(recipe: Recipe, run: string, { threads }: AblationOptions, from?: string): Promise<void> {
  const data = await openTrainingSource(recipe.data);
  const parts = recipe.data.parts.map((part) => ({ ...part, split: 'val', augmentation: NO_AUGMENTATION }));
  const held = recipe.validation ? await openTrainingSource({ ...recipe.data, parts }) : undefined;
  const resume = existsSync(checkpointPath(run));
  await train(recipe, data.source, {
    out: run,
    device: 'cpu',
    resume,
    identities: data.identities,
    identityAttributes: data.identityAttributes,
    ...(from === undefined || resume ? {} : { initial: await weightsToStartFrom(from, recipe) }),
    ...(held ? { validation: held.source } : {}),
    ...(threads === undefined ? {} : { threads }),
  });
  data.close();
  held?.close();
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
