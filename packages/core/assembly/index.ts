export { attention } from './attention';
export { depthwise } from './depthwise';
export { excite, imageTokens, maxPool, meanTokens, pyramidMax, resizeBilinear, scale, sum } from './maps';
export { product } from './product';
export { averagePool, channelAttentionPool, layerNorm, normMean, taskOutputs } from './rows';
