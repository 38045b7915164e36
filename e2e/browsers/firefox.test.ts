import { describeBrowser } from './breadth.js';
import { FAKE_CAMERA, FIREFOX, openFirefox, proxied, WEBGPU } from './firefox.js';

describeBrowser('Firefox', {
  open: (proxy) => openFirefox({ path: FIREFOX, preferences: { ...FAKE_CAMERA, ...proxied(proxy) } }),
  engine: 'wasm',
  camera: 'No face in view',
  remembers: true,
});

describeBrowser('Firefox, WebGPU switched on', {
  open: (proxy) => openFirefox({ path: FIREFOX, preferences: { ...FAKE_CAMERA, ...WEBGPU, ...proxied(proxy) } }),
  engine: 'webgpu',
  camera: 'No face in view',
  remembers: true,
});
