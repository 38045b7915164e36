export type * from './types.js';
export { ATTRIBUTES, EXPRESSIONS } from './types.js';
