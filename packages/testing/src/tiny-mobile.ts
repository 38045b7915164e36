import { type MobileFaceConfig, PRESETS } from '@swinface/core';

/** Every operation of `swinface-mobile` at sizes that float64 runs in a moment: levels of 8, 4, 4 and 2 a side. */
export const TINY_MOBILE: MobileFaceConfig = {
  ...PRESETS['swinface-mobile'],
  name: 'tiny-mobile',
  image: 32,
  trunk: {
    kind: 'mobileface',
    stem: 4,
    stages: [
      { channels: 4, entry: 8, inner: 6, blocks: 1 },
      { channels: 6, entry: 10, inner: 8, blocks: 2 },
      { channels: 5, entry: 12, inner: 7, blocks: 1 },
    ],
    top: 9,
  },
  feature: 8,
  embedding: 10,
  split: [1, 2, 2, 3],
  reduction: 2,
};
