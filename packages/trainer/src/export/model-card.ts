import {
  embeddingLength,
  type Manifest,
  type ModelConfig,
  type OperatingPoint,
  placedTasks,
  type ShareInterval,
} from '@swinface/core';
import type { RunState } from '../engine/checkpoint.js';
import type { DatasetReport } from '../evaluate/dataset-report.js';
import type { EvaluationReport } from '../evaluate/index.js';
import type { Estimate } from '../evaluate/statistics.js';
import type { Recipe } from '../recipe/recipe.js';

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const share = ({ value, low, high }: Estimate) => `${percent(value)} (${percent(low)} to ${percent(high)})`;
const years = ({ value, low, high }: Estimate) => `${value.toFixed(2)} years (${low.toFixed(2)} to ${high.toFixed(2)})`;

/** Held-out figures by name, as the manifest lists them. */
export function headlineMetrics({ datasets }: Pick<EvaluationReport, 'datasets'>): Record<string, number> {
  const metrics: Record<string, number> = {};
  for (const { name, verification, age, gender, race, expression, attributes } of datasets) {
    const put = (what: string, value: number | undefined) => {
      if (value !== undefined) metrics[`${name} ${what}`] = Number(value.toFixed(4));
    };
    put('verification accuracy', verification?.pairs?.accuracy);
    put('age mean absolute error', age?.meanAbsoluteError.value);
    put('gender accuracy', gender?.accuracy.value);
    put('race accuracy', race?.accuracy.value);
    put('expression accuracy', expression?.accuracy.value);
    put('attributes accuracy', attributes?.accuracy);
  }
  return metrics;
}

/** One line per figure, with 95 % confidence intervals where there are faces to count. */
function results({ name, faces, verification, age, gender, race, expression, attributes }: DatasetReport): string[] {
  const pairs = verification?.pairs;
  const rows: (readonly [string, string] | undefined)[] = [
    pairs && [
      'verification, 10 folds',
      `${percent(pairs.accuracy)} ± ${percent(pairs.standardError)}, ${pairs.pairs} pairs`,
    ],
    age && ['age, mean absolute error', years(age.meanAbsoluteError)],
    gender && ['gender', share(gender.accuracy)],
    race && ['race', `${share(race.accuracy)}, balanced ${percent(race.balancedAccuracy)}`],
    expression && [
      'expression, 7 classes',
      `${share(expression.accuracy)}, balanced ${percent(expression.balancedAccuracy)}`,
    ],
    attributes && [
      'attributes, mean',
      `${percent(attributes.accuracy)}, balanced ${percent(attributes.balancedAccuracy)}; always the majority: ${percent(attributes.majority)}`,
    ],
  ];
  return rows.flatMap((row) => (row ? [`| ${name} (${faces} faces) | ${row[0]} | ${row[1]} |`] : []));
}

/** Age and gender by age band, gender and race, where labels exist. */
function groups({ name, groups: list }: DatasetReport): string[] {
  const single = list.filter(({ group, age, genderAccuracy }) => !group.includes(' ') && (age ?? genderAccuracy));
  return single.map(({ group, faces, age, genderAccuracy }) => {
    const cells = [age ? years(age) : '', genderAccuracy ? share(genderAccuracy) : ''];
    return `| ${name} | ${group} | ${faces} | ${cells.join(' | ')} |`;
  });
}

const trunkOf = (config: ModelConfig): string =>
  config.trunk
    ? `MobileFaceNet of ${config.trunk.stages.map(({ channels }) => channels).join('-')} channels`
    : `embed ${config.embed}, depths ${config.depths.join('-')}`;

const sitting = ({ step, elapsed, skipped }: RunState): string =>
  `${step} steps, ${(elapsed / 3_600_000).toFixed(1)} hours, ${skipped} steps skipped`;

const range = ({ low, high }: ShareInterval, show: (value: number) => string) => `${show(low)} to ${show(high)}`;

function verificationRow({ falseMatchRate, threshold, falseNonMatchRate, measured }: OperatingPoint): string {
  const cells = [String(falseMatchRate), threshold.toFixed(3), percent(falseNonMatchRate), '', ''];
  if (measured) {
    const { strangers, pairs, falseMatches, falseNonMatches } = measured;
    cells[2] += ` (${range(falseNonMatches, percent)})`;
    cells[3] = `${strangers}, ${pairs} pairs`;
    cells[4] = range(falseMatches, (value) => value.toExponential(1));
  }
  return `| ${cells.join(' | ')} |`;
}

/** How the promised rates hold on sets that had no part in choosing the thresholds, and on those that had. */
const keptRows = ({ name, verification }: DatasetReport): string[] =>
  (verification?.kept ?? []).map(
    ({ falseMatchRate, group, matches: { value, low, high, count } }) =>
      `| ${name} | ${falseMatchRate} | ${group} | ${count} | ${[value, low, high].map((v) => v.toExponential(1)).join(' | ')} |`,
  );

/** The model card of exported weights, as Markdown; of what several runs have learnt, with the state of each. */
export function modelCard(
  manifest: Manifest,
  recipe: Recipe,
  states: readonly RunState[],
  report?: EvaluationReport,
): string {
  const { config, id, licence, trainingData, calibration, crops, shards } = manifest;
  const { passport, batch, seed } = recipe;
  const megabytes = shards.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
  const points = calibration.verification.map(verificationRow);
  const kept = report?.datasets.flatMap(keptRows) ?? [];
  const byGroup = report?.datasets.flatMap(groups) ?? [];
  return [
    `# Model card: ${config.name}`,
    '',
    config.trunk
      ? "SwinFace's face analysis subnets (Qin et al., arXiv:2308.11509) on a MobileFaceNet (arXiv:1804.07573) that was trained for recognition."
      : 'A small SwinFace (Qin et al., arXiv:2308.11509), trained from scratch by this project, for demonstrations and research.',
    '',
    '## What it is',
    '| | |',
    '|---|---|',
    `| Network | ${trunkOf(config)}, feature ${config.feature}, embedding ${embeddingLength(config)} |`,
    `| Outputs | embedding and ${placedTasks(config).length} tasks, from ${crops.length === 1 ? 'one crop' : `${crops.length} crops`} of ${config.image} x ${config.image} |`,
    `| Files | ${config.name}.json, ${shards.map((shard) => shard.file).join(', ')}: ${megabytes.toFixed(2)} MB, float16 |`,
    `| Identifier | \`${id}\`; embeddings of other identifiers are not comparable |`,
    '',
    '## Terms',
    `**${licence}**`,
    '',
    '## Training',
    ...trainingData.map((line) => `- ${line}`),
    '- LFW was never trained on here.',
    '',
    `${states.map(sitting).join(', then ')}, seed ${seed}; batches of`,
    `${batch} faces at the end. The averaged weights are stored.`,
    ...(passport.notes ?? []),
    '',
    '## Results',
    ...(report
      ? [
          'On faces that were not trained on, with 95 % confidence intervals, by `swinface-trainer evaluate`:',
          '',
          '| set | what | result |',
          '|---|---|---|',
          ...report.datasets.flatMap(results),
          '',
        ]
      : ['None were measured.', '']),
    ...(byGroup.length > 0
      ? ['| set | group | faces | age error | gender |', '|---|---|---|---|---|', ...byGroup, '']
      : []),
    '## Calibration',
    'Temperatures, thresholds and age intervals were fitted on the held-out parts of the training sets.',
    ...(points.length > 0
      ? [
          'Verification between every two faces with known identities that were not taught to the embedding here, one picture each. A',
          'threshold holds its rate for all strangers, for strangers of one sex and age band, and within each band that has pairs',
          'enough; the strictest of these decided, with 95 % confidence intervals:',
          '',
          '| false match rate | cosine from | false non-match rate | decided by | false matches among them |',
          '|---|---|---|---|---|',
          ...points,
        ]
      : []),
    ...(kept.length > 0
      ? [
          '',
          'What these thresholds come to on the sets judged:',
          '',
          '| set | promised | strangers | pairs | false match rate | from | to |',
          '|---|---|---|---|---|---|---|',
          ...kept,
        ]
      : []),
    '',
    '## Intended use, and not',
    'To show and study what such a network does. Not for identification, surveillance, or any decision about a person.',
    '"Apparent age" is how old a face looks to the makers of the labels; "expression" is a facial configuration, neither',
    'an emotion nor a character; gender is what annotators saw, in two classes. Attributes are the opinions of those who',
    'labelled CelebA.',
    '',
    '## Known weaknesses',
    '- A small network: matching faces by its embedding errs far more often than large recognition networks do.',
    '- Trained mostly on adults, on photographs of fame and on web scrapes; the tables above show whom it serves worse.',
    '- Expects faces aligned by five landmarks; strong poses and faces under about 40 pixels are unreliable.',
    '',
  ].join('\n');
}
