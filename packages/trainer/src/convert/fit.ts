import {
  type HostTensor,
  type ModelConfig,
  PRESETS,
  type SwinConfig,
  sizeOf,
  tensorShapes,
  WeightsInvalidError,
} from '@swinface/core';
import { at } from '@swinface/core/internal';
import type { WeightFile } from './open.js';
import type { Ignored, LazyTensor } from './tensors.js';

/** A network's tensors in a file, matched by name and shape. */
export interface FittedWeights {
  readonly config: ModelConfig;
  /** What was left aside, and why. */
  readonly ignored: readonly Ignored[];
  /**
   * One tensor's values, checked as when they are loaded.
   *
   * @throws {WeightsInvalidError} if it is damaged, not finite, or a negative variance
   */
  read(name: string): Promise<HostTensor>;
}

/** What the authors' state_dicts hold beside weights. */
const UNUSED: readonly { readonly what: string; readonly pattern: RegExp; readonly why: string }[] = [
  { what: 'backbone.head.*', pattern: /^backbone\.head\./, why: 'no output of the network uses it' },
  { what: '*.relative_position_index', pattern: /\.relative_position_index$/, why: 'follows from the window size' },
  { what: '*.attn_mask', pattern: /\.attn_mask$/, why: 'follows from the window size' },
  { what: '*.num_batches_tracked', pattern: /\.num_batches_tracked$/, why: 'counts training steps' },
];

const fits = (tensor: LazyTensor | undefined, shape: readonly number[]): boolean =>
  tensor !== undefined && tensor.shape.join() === shape.join();

const few = (list: readonly string[]): string =>
  list.length <= 3 ? list.join(', ') : `${list.slice(0, 3).join(', ')} and ${list.length - 3} more`;

/** The preset of the file's trunk that most tensors fit. */
function closestPreset({ tensors, ignored }: WeightFile): ModelConfig {
  const trunk = tensors.has('backbone.stem.weight') ? 'mobileface' : undefined;
  const presets: readonly ModelConfig[] = Object.values(PRESETS);
  const candidates = presets.filter((config) => config.trunk?.kind === trunk);
  const scores = candidates.map((config) => {
    const shapes = [...tensorShapes(config)];
    return { config, share: shapes.filter(([name, shape]) => fits(tensors.get(name), shape)).length / shapes.length };
  });
  const best = scores.reduce((a, b) => (b.share > a.share ? b : a));
  if (best.share > 0) return best.config;
  const names = few([...tensors.keys()]);
  const others = few(ignored.map(({ what }) => what));
  throw new WeightsInvalidError('The file holds no tensor of a SwinFace network.', {
    expected: 'names such as backbone.layers.0.blocks.0.attn.qkv.weight, or the state_dicts of the authors',
    actual: names || `no tensors by name, but ${others || 'nothing'}`,
  });
}

/**
 * The network whose sizes a file's tensors have. Its tasks are the paper's, since no checkpoint says what its logits mean;
 * where a tensor is missing, its size is that of the preset that most others fit.
 */
function configOf(file: WeightFile): ModelConfig {
  const preset = closestPreset(file);
  if (preset.trunk) return preset;
  const side = (name: string, axis: number, otherwise: number): number =>
    file.tensors.get(`${name}.weight`)?.shape[axis] ?? otherwise;
  const four = (of: (index: number) => number): SwinConfig['depths'] => [of(0), of(1), of(2), of(3)];
  const blocks = (layer: number): number => {
    const start = `backbone.layers.${layer}.blocks.`;
    const found = [...file.tensors.keys()].filter((name) => name.startsWith(start));
    return new Set(found.map((name) => name.slice(start.length).split('.')[0])).size || at(preset.depths, layer);
  };
  const table = (layer: number) =>
    file.tensors.get(`backbone.layers.${layer}.blocks.0.attn.relative_position_bias_table`)?.shape;

  const embed = side('backbone.patch_embed.proj', 0, preset.embed);
  const patch = side('backbone.patch_embed.proj', 2, preset.patch);
  const positions = table(0)?.[0];
  const window = positions === undefined ? preset.window : (Math.sqrt(positions) + 1) / 2;
  const feature = side('tss.nets.0.feature.0', 0, preset.feature);
  const sizes = {
    image: patch * window * 8,
    patch,
    embed,
    depths: four(blocks),
    heads: four((layer) => table(layer)?.[1] ?? at(preset.heads, layer)),
    window,
    mlp: side('backbone.layers.0.blocks.0.mlp.fc1', 0, preset.mlp * embed) / embed,
    feature,
    split: four((level) => side(`fam.nets.0.conv.convs.${level}`, 0, at(preset.split, level))),
    reduction: feature / side('fam.nets.0.channel_attention.mlp.1', 0, feature / preset.reduction),
  };
  const known = Object.entries(sizes).every(([key, size]) => String(size) === String(preset[key as keyof SwinConfig]));
  const embedding = side('backbone.feature.2', 0, feature);
  return {
    ...preset,
    ...sizes,
    name: known ? preset.name : 'swinface',
    ...(embedding === feature ? {} : { embedding }),
  };
}

/**
 * Matches a file's tensors with a network: every one the network has must be there in its shape, and nothing else but
 * what is known to be unused.
 *
 * @param wanted the network; by default the one in the file's manifest, else the one whose sizes the tensors have
 * @throws {WeightsInvalidError} naming the tensors that are missing, misshapen or unknown
 */
export function fitWeights(file: WeightFile, wanted?: ModelConfig): FittedWeights {
  const { tensors } = file;
  const config = wanted ?? file.manifest?.config ?? configOf(file);
  const shapes = tensorShapes(config);
  const missing = [...shapes.keys()].filter((name) => !tensors.has(name));
  if (missing.length > 0) throw new WeightsInvalidError(`The file lacks tensors of ${config.name}: ${few(missing)}.`);
  const misshapen = [...shapes].filter(([name, shape]) => !fits(tensors.get(name), shape)).map(([name]) => name);
  const [first] = misshapen;
  if (first !== undefined) {
    throw new WeightsInvalidError(`Tensors have other shapes than in ${config.name}: ${few(misshapen)}.`, {
      expected: `${first} [${shapes.get(first)?.join(', ')}]`,
      actual: `[${tensors.get(first)?.shape.join(', ')}]`,
    });
  }
  const others = [...tensors.keys()].filter((name) => !shapes.has(name));
  const unknown = others.filter((name) => !UNUSED.some(({ pattern }) => pattern.test(name)));
  if (unknown.length > 0) {
    throw new WeightsInvalidError(`The network ${config.name} has no ${few(unknown)}.`, {
      hint: 'Leaving tensors out that a network was trained with would change its outputs without a word.',
    });
  }
  const unused = UNUSED.map(({ what, pattern, why }) => ({
    what,
    tensors: others.filter((name) => pattern.test(name)).length,
    why,
  }));
  return {
    config,
    ignored: [...file.ignored, ...unused.filter((entry) => entry.tensors > 0)],
    read: async (name) => {
      const shape = shapes.get(name) ?? [];
      const data = (await tensors.get(name)?.read()) ?? new Float32Array();
      return checked(name, { shape, data });
    },
  };
}

function checked(name: string, tensor: HostTensor): HostTensor {
  const { shape, data } = tensor;
  if (data.length !== sizeOf(shape)) {
    throw new WeightsInvalidError(`The tensor ${name} has ${data.length} elements.`, {
      expected: String(sizeOf(shape)),
    });
  }
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new WeightsInvalidError(`The tensor ${name} holds ${data[bad]} at ${bad}.`);
  if (name.endsWith('running_var') && data.some((value) => value < 0)) {
    throw new WeightsInvalidError(`The tensor ${name} holds a negative variance.`);
  }
  return tensor;
}
