/** Faces from frame to frame: tracks, averages, smoothing. Apart from the rest, for who looks at photos alone. */
export type { Box } from '@swinface/geometry';
export { TrackAverages } from './averages.js';
export { OneEuroFilter, type OneEuroOptions } from './one-euro.js';
export { FaceTracks, type FaceTracksOptions } from './tracks.js';
export type * from './types.js';
