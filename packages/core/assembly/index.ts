export { attention, attentionScratch } from './attention';
export { product, productScratch } from './product';
export { averagePool, channelAttentionPool, layerNorm, normMean, taskOutputs } from './rows';
