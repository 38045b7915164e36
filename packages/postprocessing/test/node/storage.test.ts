import { UnsupportedDeviceError } from '@swinface/core';
import { FaceStore } from '@swinface/postprocessing/storage';
import { expect, it } from 'vitest';

it('is imported in Node, and says there what it lacks', async () => {
  const opened = FaceStore.open({ keepDays: 1 });
  await expect(opened).rejects.toThrow(UnsupportedDeviceError);
  await expect(opened).rejects.toThrow(/IndexedDB/);
});
