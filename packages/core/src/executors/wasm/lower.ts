import { fuse } from '../../graph/fuse.js';
import { type FusedNode, inputsOf } from '../../graph/fused.js';
import type { Node } from '../../graph/graph.js';
import { Lowering } from './lowering.js';
import { averagePool } from './operations/average-pool.js';
import { channelAttentionPool } from './operations/channel-attention-pool.js';
import { convolution } from './operations/convolution.js';
import { elementwise } from './operations/elementwise.js';
import { imageTokens } from './operations/image-tokens.js';
import { maxPool } from './operations/max-pool.js';
import { meanTokens } from './operations/mean-tokens.js';
import { normMean } from './operations/norm-mean.js';
import { patchEmbed } from './operations/patch-embed.js';
import { linear } from './operations/product.js';
import { pyramidMax } from './operations/pyramid-max.js';
import { resizeBilinear } from './operations/resize-bilinear.js';
import { squeezeExcite } from './operations/squeeze-excite.js';
import { subnetConvolutions } from './operations/subnet-convolutions.js';
import { taskOutputs } from './operations/task-outputs.js';
import { windowAttention } from './operations/window-attention.js';
import type { Plan } from './plan.js';

/**
 * Turns a recorded graph into steps.
 *
 * @param capacity items that one pass computes; shapes of the graph are for so many
 * @throws {SwinFaceError} INTERNAL if an operation stands where no kernel computes it
 * @throws {InvalidInputError} if the weights are not folded, or a width is not a multiple of four where it has to be
 */
export function lower(input: Node, outputs: readonly Node[], capacity: number): Plan {
  const fused = fuse(outputs);
  const lowering = new Lowering(capacity);
  const inputRegion = lowering.bind(input);
  const lastReader = new Map<Node, FusedNode>();
  for (const piece of fused) for (const node of inputsOf(piece)) lastReader.set(node, piece);
  const kept = new Set([input, ...outputs]);
  for (const piece of fused) {
    add(piece, lowering);
    for (const node of new Set(inputsOf(piece))) {
      if (lastReader.get(node) === piece && !kept.has(node)) lowering.release(node);
    }
  }
  return lowering.plan(inputRegion, outputs);
}

/** Adds the steps that compute a fused node. */
function add(fused: FusedNode, lowering: Lowering): void {
  switch (fused.op) {
    case 'product':
      linear(fused, lowering);
      break;
    case 'convolution':
      convolution(fused, lowering);
      break;
    case 'elementwise':
    case 'padChannels':
      elementwise(fused, lowering);
      break;
    case 'imageTokens':
      imageTokens(fused, lowering);
      break;
    case 'maxPool':
      maxPool(fused, lowering);
      break;
    case 'meanTokens':
      meanTokens(fused, lowering);
      break;
    case 'resizeBilinear':
      resizeBilinear(fused, lowering);
      break;
    case 'squeezeExcite':
      squeezeExcite(fused, lowering);
      break;
    case 'pyramidMax':
      pyramidMax(fused, lowering);
      break;
    case 'patchEmbed':
      patchEmbed(fused, lowering);
      break;
    case 'normMean':
      normMean(fused, lowering);
      break;
    case 'windowAttention':
      windowAttention(fused, lowering);
      break;
    case 'averagePool':
      averagePool(fused, lowering);
      break;
    case 'subnetConvolutions':
      subnetConvolutions(fused, lowering);
      break;
    case 'channelAttentionPool':
      channelAttentionPool(fused, lowering);
      break;
    case 'taskOutputs':
      taskOutputs(fused, lowering);
      break;
  }
}
