/** The locator on this SDK's own engine: apart from the rest, so that a page loads only the locator that it uses. */
export { BlazeFaceLocator } from './locator.js';
export type { BlazeFaceOptions, PictureNetwork } from './networks.js';
