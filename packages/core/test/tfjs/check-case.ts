import { TfjsOps } from '@swinface/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';
// Not from the package's index, which needs Node: these cases run in browsers too.
import { expectAllClose } from '../../../testing/src/allclose.js';
import { CASES, FLOAT32, referenceOf, runCase } from '../ops/cases.js';

/**
 * One case on the active backend against float64.
 *
 * @throws if an element differs, or tensors are left behind
 */
export async function checkCase(name: string): Promise<void> {
  const run = CASES[name];
  if (!run) throw new Error(`There is no case "${name}"`);
  const expected = referenceOf(run);
  const before = tf.memory().numTensors;
  const actual = tf.tidy(() => runCase(run, new TfjsOps(), ({ data, shape }) => tf.tensor(data, [...shape])));
  if (actual.shape.join() !== expected.shape.join()) {
    throw new Error(`${name}: shape [${actual.shape}], expected [${expected.shape}]`);
  }
  expectAllClose(await actual.data(), expected.data, { ...FLOAT32, label: name });
  actual.dispose();
  const left = tf.memory().numTensors - before;
  if (left !== 0) throw new Error(`${name}: ${left} tensors left behind`);
}
