/** Pieces of the widget for pages that build their own: importing them registers no element and loads no engine. */
export { type Announcer, createAnnouncer } from './announcer.js';
export { type Camera, cameraIsOffered, openCamera } from './camera.js';
export { drawHeatMap, type Place, strongestPlace } from './heat-map.js';
export { lookAgain, type Moment } from './look-again.js';
export { nearest } from './nearest.js';
export { createOverlay, type Overlay, type OverlayFace } from './overlay.js';
export { cameraState } from './states.js';
export { type AttributeName, VALUE_LADEN } from './value-laden.js';
