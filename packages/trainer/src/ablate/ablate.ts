import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { checkpointPath } from '../engine/checkpoint.js';
import { runEvaluate } from '../evaluate/index.js';
import { exportRun, weightsToStartFrom } from '../export/export.js';
import { headlineMetrics } from '../export/model-card.js';
import { writeWhole } from '../files/durable.js';
import { readJson } from '../files/read.js';
import { parseRecipe, type Recipe } from '../recipe/recipe.js';
import { check } from '../recipe/schema.js';
import { openHeldOut, openTrainingSource } from '../train/data.js';
import { train } from '../train/train.js';
import type { AblationRow } from './table.js';

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

const metricsSchema = v.record(v.string(), v.number());

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
  const { value, where } = await readJson(options.study, 'a study as JSON', 'recipes/ablation.json is an example.');
  const { seeds, base, start, variants, evaluation, pairs } = check(studySchema, value, 'study', where);
  const recipes = Object.entries({ base: {}, ...variants }).map(([variant, patch]) => ({
    variant,
    of: (seed: number) =>
      parseRecipe(mergePatch(mergePatch(base, patch), { seed, data: { seed } }), () => `${options.study}, ${variant}`),
  }));
  // Every recipe is read before the first is trained.
  for (const { of } of recipes) of(0);
  const first = start && join(out, 'start');
  if (first) {
    print('the start of all');
    await learn(
      parseRecipe(mergePatch(base, start), () => `${options.study}, start`),
      first,
      options,
    );
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
        await writeWhole(results, `${JSON.stringify(headlineMetrics(report), null, 1)}\n`);
        await rm(join(run, 'weights'), { recursive: true });
      }
      const metrics = v.parse(metricsSchema, (await readJson(results, 'figures of a run')).value);
      rows[index] = { variant, metrics: [...(rows[index]?.metrics ?? []), metrics] };
    }
  }
  return rows;
}

/** Trains a recipe in a folder, or goes on where it was interrupted; where it was not, nothing is left to do. */
async function learn(recipe: Recipe, run: string, { threads }: AblationOptions, from?: string): Promise<void> {
  const data = await openTrainingSource(recipe.data);
  const held = recipe.validation ? await openHeldOut(recipe.data, data.people) : undefined;
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
  await data.close();
  await held?.close();
}
