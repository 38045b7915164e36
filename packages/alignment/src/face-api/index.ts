/** The second locator, for where MediaPipe cannot be had: apart from the rest, since most visitors never need it. */
export { FaceApiLocator, type FaceApiOptions } from './locator.js';
