/** The locator on MediaPipe's runtime: apart from the rest, so that a page loads only the locator that it uses. */
export { MediaPipeLocator, type MediaPipeOptions } from './locator.js';
