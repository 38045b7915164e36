import type { Manifest } from '@swinface/core';
import type { Recipe } from './recipe.js';

/** The model card of exported weights, as Markdown. */
export function modelCard(manifest: Manifest, recipe: Recipe, steps: number): string {
  const { config, id, licence, trainingData, metrics, calibration } = manifest;
  const table = Object.entries(metrics).map(([name, value]) => `| ${name} | ${Number(value.toFixed(4))} |`);
  const points = calibration.verification.map(
    ({ falseMatchRate, threshold, falseNonMatchRate }) =>
      `| ${falseMatchRate} | ${threshold.toFixed(3)} | ${(100 * falseNonMatchRate).toFixed(1)} % |`,
  );
  return [
    `# ${config.name}`,
    '',
    `Weights \`${id}\` of a small SwinFace (Qin et al., arXiv:2308.11509), trained from scratch by this project: a face`,
    'embedding, age, gender, expression and 40 attributes from one 112 x 112 crop.',
    '',
    '## Terms',
    '',
    `**${licence}**`,
    '',
    '## Training data',
    '',
    ...trainingData.map((line) => `- ${line}`),
    '- LFW was never trained on.',
    '',
    `${steps} steps of ${recipe.batch} faces; the averaged weights, stored in float16. The recipe is`,
    `\`packages/trainer/recipes/${config.name}.json\`.`,
    '',
    '## Held-out figures',
    '',
    ...(table.length > 0 ? ['| what | value |', '|---|---|', ...table] : ['None were measured.']),
    '',
    ...(points.length > 0
      ? [
          'Verification between every two held-out faces, one embedding each:',
          '',
          '| false match rate | cosine from | false non-match rate |',
          '|---|---|---|',
          ...points,
          '',
        ]
      : []),
    '## Limits',
    '',
    '- Age and gender are what annotators saw or guessed in photos, gender in two classes; neither says who a person is.',
    '- Attributes such as "Attractive" repeat the opinions of the people who labelled CelebA.',
    '- The training faces are mostly of adults in Western photos of fame and of web scrapes; expect worse results for',
    '  others. The evaluation report lists accuracy by age, gender and group.',
    '- Not for identification, surveillance, or any decision about a person.',
    '',
  ].join('\n');
}
