export { type Augmentation, Augmenter, NO_AUGMENTATION, STANDARD_AUGMENTATION } from './augment.js';
export { CropCache, cropSamples, type SkippedSample } from './cache.js';
export { ARCFACE_CROP, type CropGeometry, decodeImage, type Pixels, warpCrop, writeInput } from './crop.js';
export { type DataRecipe, openTrainingSource, type PartRecipe, type TrainingData } from './open.js';
export { Random } from './random.js';
export { type Dataset, type FaceSample, ImageFiles, parseSample, readDataset } from './samples.js';
export { MixedSource, SOFTMAX_TASKS, type TrainingPart } from './source.js';
export { SyntheticSource } from './synthetic.js';
export { TarArchive } from './tar.js';
