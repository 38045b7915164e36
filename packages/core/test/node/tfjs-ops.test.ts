import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { beforeAll, describe, expect, test } from 'vitest';
import { CASES } from '../ops/cases.js';
import { checkCase } from '../tfjs/check-case.js';

describe.each(['cpu', 'wasm'])('TfjsOps on %s', (backend) => {
  beforeAll(async () => {
    expect(await tf.setBackend(backend)).toBe(true);
  });

  test.each(Object.keys(CASES))('%s', async (name) => {
    expect(tf.getBackend()).toBe(backend);
    await checkCase(name);
  });
});
