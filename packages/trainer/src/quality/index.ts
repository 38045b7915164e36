export { type RecognisabilityOptions, runRecognisability } from './run.js';
