export { openTrainingSource, type TrainingData } from './open.js';
export { LAYOUTS, type LayoutReader, writeList } from './readers/index.js';
export type { DataRecipe, PartRecipe } from './recipe.js';
