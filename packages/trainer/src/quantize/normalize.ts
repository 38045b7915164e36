import {
  BATCH_NORM_EPSILON,
  type HostTensor,
  type ModelConfig,
  networkOf,
  type SwinConfig,
  selectOutputs,
  type WeightMap,
} from '@swinface/core';

/** A LayerNorm with a scale below this part of its largest keeps its scales: dividing by them would lose digits. */
const SMALLEST_SCALE = 1e-3;

/** A channel's factor moves by at most this much from the middle, so that float16 holds weights and activations. */
const LARGEST_MOVE = 128;

/**
 * What each channel's factor moves by: its magnitude about the middle of all. Channels too weak to be in reach do not count;
 * what is left of their factor makes a column small, which does no harm.
 */
function movedFactors(scale: Float32Array): Float32Array {
  const sizes = scale.map(Math.abs);
  const largest = Math.max(...sizes);
  if (largest === 0) return sizes.fill(1);
  const smallest = Math.min(...sizes.filter((size) => size >= largest / LARGEST_MOVE ** 2));
  const middle = Math.sqrt(smallest * largest);
  return sizes.map((size) => Math.min(LARGEST_MOVE, Math.max(1 / LARGEST_MOVE, size / middle)));
}

/**
 * The same network with every scale and shift moved into the matrix after it, as engines do before they store matrices:
 * LayerNorms and BatchNorms become the identity (before a patch merging, which has no bias, the LayerNorm keeps a
 * shift), and the recognition head becomes one matrix after the identity. What is rounded afterwards is what engines
 * store, so that rounding it to the same steps again changes nothing. Outputs are equal up to float32 rounding.
 */
export function normalizeWeights(config: ModelConfig, weights: WeightMap): Map<string, HostTensor> {
  const result = new Map(weights);
  const tensor = (name: string): HostTensor => result.get(name) ?? { shape: [0], data: new Float32Array() };
  const put = (name: string, shape: readonly number[], data: ArrayLike<number>) =>
    result.set(name, { shape, data: Float32Array.from(data) });

  // A MobileFaceNet's norms were folded before it came here.
  if (!config.trunk) {
    swin(config);
    recognition();
  }
  subnets();
  return result;

  function swin({ depths }: SwinConfig): void {
    depths.forEach((depth, stage) => {
      const layer = `backbone.layers.${stage}`;
      for (let b = 0; b < depth; b++) {
        absorb(`${layer}.blocks.${b}.norm1`, `${layer}.blocks.${b}.attn.qkv`);
        absorb(`${layer}.blocks.${b}.norm2`, `${layer}.blocks.${b}.mlp.fc1`);
      }
      if (stage < 3) absorbWithoutBias(`${layer}.downsample.norm`, `${layer}.downsample.reduction`);
    });
  }

  /** linear(layerNorm(x)): the scale into the columns, the shift into the bias. */
  function absorb(norm: string, linear: string): void {
    addBias(linear, tensor(`${norm}.bias`).data);
    scaleColumns(linear, tensor(`${norm}.weight`).data);
    identityLayerNorm(norm);
  }

  /** W (g x + b) = (W g) (x + b / g) */
  function absorbWithoutBias(norm: string, linear: string): void {
    const scale = tensor(`${norm}.weight`).data;
    const shift = tensor(`${norm}.bias`);
    const sizes = scale.map(Math.abs);
    if (Math.min(...sizes) < SMALLEST_SCALE * Math.max(...sizes)) return;
    scaleColumns(linear, scale);
    put(
      `${norm}.bias`,
      shift.shape,
      shift.data.map((value, i) => value / (scale[i] as number)),
    );
    put(`${norm}.weight`, shift.shape, new Float32Array(scale.length).fill(1));
  }

  /** W diag(factors) */
  function scaleColumns(linear: string, factors: Float32Array): void {
    const { shape, data } = tensor(`${linear}.weight`);
    put(
      `${linear}.weight`,
      shape,
      data.map((value, i) => value * (factors[i % factors.length] as number)),
    );
  }

  /** diag(factors) W */
  function scaleRows(name: string, factors: Float32Array): void {
    const { shape, data } = tensor(name);
    const row = data.length / factors.length;
    put(
      name,
      shape,
      data.map((value, i) => value * (factors[Math.floor(i / row)] as number)),
    );
  }

  /** W x, in float64. */
  function product(linear: string, x: Float32Array): Float64Array {
    const { shape, data } = tensor(`${linear}.weight`);
    const [outputs, inputs] = shape as [number, number];
    return Float64Array.from({ length: outputs }, (_, o) =>
      x.reduce((sum, value, i) => sum + value * (data[o * inputs + i] as number), 0),
    );
  }

  /** b + W shift */
  function addBias(linear: string, shift: Float32Array): void {
    const { shape, data } = tensor(`${linear}.bias`);
    put(
      `${linear}.bias`,
      shape,
      product(linear, shift).map((value, o) => value + (data[o] as number)),
    );
  }

  /** LayerNorm, identity, identity, one matrix, a shift. */
  function recognition(): void {
    const network = networkOf(selectOutputs(config, ['Recognition'])).folded;
    const head = network.heads((_, recipe) => recipe.make(tensor)).recognition;
    if (!head || !('feature' in head)) return;
    const [affine] = head.feature;
    if (!affine) return;
    const [outputs, inputs] = affine.weight.shape as [number, number];
    const bias = affine.bias?.data ?? new Float32Array(outputs);
    result.set('backbone.feature.2.weight', affine.weight);
    const shifted = product('backbone.feature.2', head.norm.bias.data);
    scaleColumns('backbone.feature.2', head.norm.weight.data);
    const identity = new Float32Array(inputs * inputs);
    for (let i = 0; i < inputs; i++) identity[i * inputs + i] = 1;
    put('backbone.feature.0.weight', [inputs, inputs], identity);
    identityBatchNorm('backbone.feature.1', inputs);
    identityBatchNorm('backbone.feature.3', outputs);
    put(
      'backbone.feature.3.bias',
      [outputs],
      shifted.map((shift, o) => (bias[o] as number) + shift),
    );
    identityLayerNorm('backbone.norm');
  }

  /**
   * tss(batchNorm(max(relu(x * gate(x))))). A BatchNorm multiplies channels that hardly vary a thousand times more than
   * others; in the columns of the matrix after it that would make every step of a row coarse. ReLU and maximum let
   * positive factors through, so the factors go before them: into the rows of the convolutions, which have a step each,
   * and out of the gate's columns again, which are stored as floats.
   */
  function subnets(): void {
    for (const s of selectOutputs(config).subnets) {
      const norm = (part: string) => tensor(`fam.nets.${s}.norm.${part}`).data;
      const [weight, variance, mean, bias] = [norm('weight'), norm('running_var'), norm('running_mean'), norm('bias')];
      const scale = weight.map((w, c) => w / Math.sqrt((variance[c] as number) + BATCH_NORM_EPSILON));
      const shift = bias.map((b, c) => b - (mean[c] as number) * (scale[c] as number));
      const moved = movedFactors(scale);
      let first = 0;
      for (const [level, channels] of config.split.entries()) {
        scaleRows(`fam.nets.${s}.conv.convs.${level}.weight`, moved.subarray(first, first + channels));
        first += channels;
      }
      const inverse = moved.map((v) => 1 / v);
      scaleColumns(`fam.nets.${s}.channel_attention.mlp.1`, inverse);
      const next = `tss.nets.${s}.feature.0`;
      addBias(next, shift);
      scaleColumns(
        next,
        scale.map((v, c) => v * (inverse[c] as number)),
      );
      identityBatchNorm(`fam.nets.${s}.norm`, config.feature);
    }
  }

  function identityLayerNorm(name: string): void {
    const { shape, data } = tensor(`${name}.weight`);
    put(`${name}.weight`, shape, new Float32Array(data.length).fill(1));
    put(`${name}.bias`, shape, new Float32Array(data.length));
  }

  function identityBatchNorm(name: string, width: number): void {
    const zeros = new Float32Array(width);
    put(`${name}.weight`, [width], new Float32Array(width).fill(1));
    put(`${name}.bias`, [width], zeros);
    put(`${name}.running_mean`, [width], zeros);
    // Its square root is taken after epsilon is added.
    put(`${name}.running_var`, [width], new Float32Array(width).fill(1 - BATCH_NORM_EPSILON));
  }
}
