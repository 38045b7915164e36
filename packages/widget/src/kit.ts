/** Pieces of the widget for pages that build their own: importing them registers no element and loads no engine. */

export { drawHeatMap, type Place, strongestPlace } from './explanation/heat-map.js';
export { lookAgain, type Moment } from './explanation/look-again.js';
export { nearest } from './explanation/nearest.js';
export { type Announcer, createAnnouncer } from './results/announcer.js';
export { createOverlay, type Overlay, type OverlayFace } from './results/overlay.js';
export { type Camera, cameraIsOffered, openCamera } from './sources/camera.js';
export { cameraState } from './states.js';
export { type AttributeName, VALUE_LADEN } from './value-laden.js';
