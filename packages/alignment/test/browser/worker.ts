import { openLocator, plainFaces } from './locators.js';

addEventListener('message', async ({ data: { id, name, url, options } }) => {
  try {
    postMessage({ id, faces: await plainFaces(await openLocator(name), url, options) });
  } catch (error) {
    postMessage({ id, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
  }
});
