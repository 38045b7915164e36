export { cosine, type Difference, difference, expectAllClose, type Tolerance } from './allclose.js';
export { type FuzzRandom, type FuzzReport, type FuzzTarget, fuzz, mutateBytes, mutateJson } from './fuzz.js';
export {
  compareWithGolden,
  GOLDEN_BARS,
  type Golden,
  golden,
  type ParityLine,
  readGolden,
} from './golden.js';
export { nullAdapter, testAdapter } from './gpu.js';
export { runOnnx } from './onnx.js';
export { noise, pixelAt, seededRandom } from './pictures.js';
export { syntheticInput, syntheticTensor, syntheticWeights } from './synthetic.js';
export { TINY_MOBILE } from './tiny-mobile.js';
export { callWrongly, WRONG_VALUES, type WrongAnswers } from './wrong-values.js';
