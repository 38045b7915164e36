export { attention } from './attention';
export { product } from './product';
export { averagePool, channelAttentionPool, layerNorm, normMean, taskOutputs } from './rows';
