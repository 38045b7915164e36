import { describe } from 'vitest';
import { describeBrowser } from './breadth.js';
import { openWebKit } from './webkit.js';

// There is no WebKitGTK for other systems.
describe.runIf(process.platform === 'linux')('Safari’s engine', () => {
  describeBrowser('WebKitGTK', {
    open: (proxy) =>
      openWebKit({ path: process.env.WEBKIT_DRIVER_PATH || '/usr/bin/WebKitWebDriver', proxy: `127.0.0.1:${proxy}` }),
    engine: 'wasm',
    camera: 'No camera was found',
    remembers: false,
  });
});
