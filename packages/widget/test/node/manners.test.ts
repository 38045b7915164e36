import {
  DeviceLostError,
  InvalidInputError,
  ModelDownloadError,
  UnsupportedDeviceError,
  WeightsInvalidError,
} from '@swinface/core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createEngine, Problem } from '../../src/engine.js';
import { createAnnouncer } from '../../src/results/announcer.js';
import { cameraState, errorState } from '../../src/states.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('the first words are spoken at once, later ones at most every so often, and only the newest', () => {
  const spoken: string[] = [];
  const announcer = createAnnouncer((text) => void spoken.push(text), 5000);
  for (let i = 0; i < 100; i += 1) {
    announcer.say(`frame ${i}`);
    vi.advanceTimersByTime(100);
  }
  // At 0, 5 and 10 s; what comes at that very moment waits.
  expect(spoken).toEqual(['frame 0', 'frame 49', 'frame 99']);
  announcer.say('frame 99');
  vi.advanceTimersByTime(20_000);
  expect(spoken).toHaveLength(3);
  announcer.say('one');
  announcer.say('two');
  announcer.hush();
  vi.advanceTimersByTime(20_000);
  expect(spoken.at(-1)).toBe('one');
});

test('each reason has its state', () => {
  const camera = (name: string) => cameraState(new DOMException('', name));
  expect(['NotAllowedError', 'SecurityError'].map(camera)).toEqual(['denied', 'denied']);
  vi.stubGlobal('document', { featurePolicy: { allowsFeature: (name: string) => name !== 'camera' } });
  vi.stubGlobal('parent', {});
  vi.stubGlobal('self', globalThis);
  expect(['NotAllowedError', 'SecurityError'].map(camera), 'in a frame without allow="camera"').toEqual([
    'framed',
    'framed',
  ]);
  vi.stubGlobal('document', { featurePolicy: { allowsFeature: () => true } });
  expect(camera('NotAllowedError'), 'in a frame that may').toBe('denied');
  vi.unstubAllGlobals();
  vi.stubGlobal('location', { origin: 'https://a.example', ancestorOrigins: ['https://b.example'] });
  expect(camera('NotAllowedError'), 'in a frame of another origin that says nothing').toBe('framed');
  vi.unstubAllGlobals();
  expect(['NotFoundError', 'OverconstrainedError'].map(camera)).toEqual(['absent', 'absent']);
  expect(['NotReadableError', 'AbortError'].map(camera)).toEqual(['busy', 'busy']);
  const webKits = Object.assign(new Error('Invalid constraint'), { name: 'OverconstrainedError' });
  expect(cameraState(webKits), 'which is no DOMException').toBe('absent');
  expect(cameraState(new TypeError('?'))).toBe('failed');
  expect(errorState(new UnsupportedDeviceError(''))).toBe('unsupported');
  expect(errorState(new ModelDownloadError(''))).toBe('no-model');
  expect(errorState(new WeightsInvalidError(''))).toBe('no-model');
  expect(errorState(new DeviceLostError(''))).toBe('lost');
  expect(errorState(new InvalidInputError(''))).toBe('unreadable');
  expect(errorState(new Error('?'))).toBe('failed');
});

test('a widget without a model says which attribute is missing, and options the SDK refuses are no unreadable picture', async () => {
  const request = { assets: undefined, outputs: undefined, options: undefined, onProgress: () => {} };
  const missing = await createEngine({ ...request, model: undefined }).catch((error) => error);
  expect(missing).toBeInstanceOf(Problem);
  expect(missing.state).toBe('no-model');
  expect(missing.cause.message).toContain('needs a model');
  const refused = await createEngine({ ...request, model: '/m.json', options: { maxFaces: -1 } }).catch(
    (error) => error,
  );
  expect(refused.state).toBe('failed');
  expect(refused.cause).toBeInstanceOf(InvalidInputError);
});
