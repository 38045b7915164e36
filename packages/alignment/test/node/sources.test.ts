import { UprightImage } from '@swinface/alignment';
import { InvalidInputError, UnsupportedDeviceError } from '@swinface/core';
import { afterEach, expect, it, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllGlobals();
});

it('says in Node that pictures cannot be decoded there', async () => {
  await expect(UprightImage.from(new Blob(['x']))).rejects.toBeInstanceOf(UnsupportedDeviceError);
  await expect(UprightImage.from(new Blob(['x']))).rejects.toThrow(/warpPixels/);
});

it.each([undefined, null, 7, 'photo.jpg', {}, [], () => {}, new Date(), { width: 1, height: 1, data: [] }])(
  'refuses %s as a source',
  async (source) => {
    vi.stubGlobal('createImageBitmap', async () => undefined);
    await expect(UprightImage.from(source as never)).rejects.toBeInstanceOf(InvalidInputError);
    expect(() => UprightImage.capture(source as never)).toThrow(/nothing an image can be read from/);
  },
);

it('does not wait for a video that loads nothing before it is played', async () => {
  vi.stubGlobal('createImageBitmap', async () => undefined);
  const video = Object.assign(new EventTarget(), { readyState: 0, networkState: 1, preload: 'none', seeking: false });
  Object.defineProperty(video, Symbol.toStringTag, { value: 'HTMLVideoElement' });
  await expect(UprightImage.from(video as unknown as HTMLVideoElement)).rejects.toThrow(/loadeddata/);
});
