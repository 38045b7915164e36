/** What is right and wrong with the picture of a face. Apart from the rest, for who brings embeddings alone. */
export { faceQuality, type Pixels, type QualityInput } from './face-quality.js';
