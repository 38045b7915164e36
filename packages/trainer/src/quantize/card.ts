import type { Manifest, ManifestQuantization } from '@swinface/core';
import { EFFECT_HEADINGS, effectCells, metricLines } from './effects.js';

const TYPES = { F32: 'float32', F16: 'float16', I8: 'int8, a step per row' } as const;

/** The model card of rounded weights, as Markdown: what rounding changed, then the card of the weights before. */
export function quantizedCard(manifest: Manifest, quantization: ManifestQuantization, before?: string): string {
  const { config, id, shards, licence } = manifest;
  const { source, dtype, rounding, effects } = quantization;
  const megabytes = shards.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    `# Model card: ${config.name}, ${TYPES[dtype].split(',')[0]}`,
    '',
    `The weights \`${source}\` in another storage type; whatever is said of those holds for these, but for rounding.`,
    '',
    '| | |',
    '|---|---|',
    row(['Storage', TYPES[dtype]]),
    ...(dtype === 'F32'
      ? []
      : [row(['Rounding', rounding === 'nearest' ? 'to the nearest step' : 'compensated by calibration faces'])]),
    row(['Files', `${shards.map(({ file }) => file).join(', ')}: ${megabytes.toFixed(2)} MB`]),
    row(['Identifier', `\`${id}\``]),
    row(['Terms', licence]),
    '',
    '## What rounding changed',
    ...(effects.length === 0
      ? ['Nothing was measured.']
      : [
          `On held-out faces, against \`${source}\`; answers changed: mean over the tasks, and the task that changed most.`,
          '',
          row(EFFECT_HEADINGS),
          row(EFFECT_HEADINGS.map(() => '---')),
          ...effects.map((effect) => row(effectCells(effect))),
          '',
          'Held-out figures after minus before, on those faces:',
          ...effects.flatMap(metricLines).map((line) => `- ${line}`),
        ]),
    '',
    ...(before === undefined ? [] : ['---', '', before]),
  ].join('\n');
}
