import type { ModelConfig, OutputSelection } from '../config.js';
import { embeddingLength, levelShapes, placedTasks, stageWidth } from '../config.js';

/**
 * Every tensor of a network by its checkpoint name, with its shape, in checkpoint order. `backbone.head.*` is in the
 * authors' checkpoint but unused, hence not listed.
 */
export function tensorShapes(config: ModelConfig): ReadonlyMap<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  const linear = (name: string, out: number, inp: number, bias = true) => {
    shapes.set(`${name}.weight`, [out, inp]);
    if (bias) shapes.set(`${name}.bias`, [out]);
  };
  const layerNorm = (name: string, width: number) => {
    shapes.set(`${name}.weight`, [width]);
    shapes.set(`${name}.bias`, [width]);
  };
  const batchNorm = (name: string, width: number) => {
    layerNorm(name, width);
    shapes.set(`${name}.running_mean`, [width]);
    shapes.set(`${name}.running_var`, [width]);
  };

  shapes.set('backbone.patch_embed.proj.weight', [config.embed, 3, config.patch, config.patch]);
  shapes.set('backbone.patch_embed.proj.bias', [config.embed]);
  layerNorm('backbone.patch_embed.norm', config.embed);
  config.depths.forEach((depth, stage) => {
    const width = stageWidth(config, stage);
    const layer = `backbone.layers.${stage}`;
    for (let b = 0; b < depth; b++) {
      const block = `${layer}.blocks.${b}`;
      layerNorm(`${block}.norm1`, width);
      shapes.set(`${block}.attn.relative_position_bias_table`, [
        (2 * config.window - 1) ** 2,
        config.heads[stage] as number,
      ]);
      linear(`${block}.attn.qkv`, 3 * width, width);
      linear(`${block}.attn.proj`, width, width);
      layerNorm(`${block}.norm2`, width);
      linear(`${block}.mlp.fc1`, config.mlp * width, width);
      linear(`${block}.mlp.fc2`, width, config.mlp * width);
    }
    if (stage < 3) {
      linear(`${layer}.downsample.reduction`, 2 * width, 4 * width, false);
      layerNorm(`${layer}.downsample.norm`, 4 * width);
    }
  });
  const top = stageWidth(config, 3);
  layerNorm('backbone.norm', top);
  linear('backbone.feature.0', top, top, false);
  batchNorm('backbone.feature.1', top);
  linear('backbone.feature.2', embeddingLength(config), top, false);
  batchNorm('backbone.feature.3', embeddingLength(config));

  const squeezed = config.feature / config.reduction;
  config.subnets.forEach((_, i) => {
    levelShapes(config).forEach(([channels], level) => {
      shapes.set(`fam.nets.${i}.conv.convs.${level}.weight`, [config.split[level] as number, channels, 3, 3]);
    });
    linear(`fam.nets.${i}.channel_attention.mlp.1`, squeezed, config.feature);
    linear(`fam.nets.${i}.channel_attention.mlp.3`, config.feature, squeezed);
    batchNorm(`fam.nets.${i}.norm`, config.feature);
  });
  config.subnets.forEach((_, i) => {
    linear(`tss.nets.${i}.feature.0`, config.feature, config.feature);
    linear(`tss.nets.${i}.feature.3`, config.feature, config.feature);
  });
  for (const { task, index } of placedTasks(config)) linear(`om.output_fcs.${index}`, task.logits, config.feature);
  return shapes;
}

/** Names of the tensors that a selection of outputs needs; `assembleWeights` looks at no others. */
export function neededTensors({ config, recognition, subnets, tasks }: OutputSelection): ReadonlySet<string> {
  const heads = new Set(tasks.map(({ index }) => `om.output_fcs.${index}`));
  const isNeeded = (name: string): boolean => {
    const [part, kind, index] = name.split('.') as [string, string, string];
    if (part === 'backbone') return recognition || (kind !== 'norm' && kind !== 'feature');
    return part === 'om' ? heads.has(`${part}.${kind}.${index}`) : subnets.includes(Number(index));
  };
  return new Set([...tensorShapes(config).keys()].filter(isNeeded));
}
