import * as tf from '@tensorflow/tfjs-core';
import { relativePositions, shiftMask } from '../../graph/windows.js';
import type { WindowAttentionShape } from '../../ops.js';

/** Rolls every row by `by` to the right, wrapping around: [rows, width] -> [rows, width]. */
function rollRows(x: tf.Tensor2D, by: number): tf.Tensor2D {
  const [rows, width] = x.shape;
  // Not a gather, whose gradient sums over segments one by one.
  return tf.concat([tf.slice(x, [0, width - by], [rows, by]), tf.slice(x, [0, 0], [rows, width - by])], 1);
}

/** Rolls token maps down and to the right by `by` (modulo `size`) tokens: [B, size*size, C] -> the same number of elements. */
function roll(x: tf.Tensor, size: number, by: number): tf.Tensor {
  if (by % size === 0) return x;
  const [faces, , channels] = x.shape as [number, number, number];
  const shift = (by + size) % size;
  const down = rollRows(tf.reshape(x, [faces, size * size * channels]), shift * size * channels);
  return rollRows(tf.reshape(down, [faces * size, size * channels]), shift * channels);
}

/** Cuts a token map, rolled by -`shift`, into its windows: [B, size*size, C] -> [B*windows, window*window, C]. */
export function windowPartition(x: tf.Tensor, { size, window, shift }: WindowAttentionShape): tf.Tensor {
  const [faces, , channels] = x.shape as [number, number, number];
  const across = size / window;
  const strips = tf.reshape(roll(x, size, -shift), [faces * across, window, across, window * channels]);
  return tf.reshape(tf.transpose(strips, [0, 2, 1, 3]), [faces * across ** 2, window ** 2, channels]);
}

/** Puts windows back where they came from: [B*windows, window*window, C] -> [B, size*size, C]. */
export function windowReverse(x: tf.Tensor, { size, window, shift }: WindowAttentionShape): tf.Tensor {
  const [total, , channels] = x.shape as [number, number, number];
  const across = size / window;
  const faces = total / across ** 2;
  const strips = tf.reshape(x, [faces * across, across, window, window * channels]);
  const map = tf.reshape(tf.transpose(strips, [0, 2, 1, 3]), [faces, size ** 2, channels]);
  return tf.reshape(roll(map, size, shift), [faces, size ** 2, channels]);
}

/**
 * Everything that is added to the scores, position bias and mask:
 * `table` [(2w-1)^2, heads] -> [windows, heads, w*w, w*w], or [1, heads, w*w, w*w] where all windows are alike.
 */
export function attentionBias(table: tf.Tensor, shape: WindowAttentionShape): tf.Tensor4D {
  const { size, window, heads, shift } = shape;
  const tokens = window ** 2;
  const biases = tf.gather(table, tf.tensor1d(relativePositions(window), 'int32')); // [w*w * w*w, heads]
  const bias = tf.reshape(tf.transpose(biases, [1, 0]), [1, heads, tokens, tokens]) as tf.Tensor4D;
  if (shift === 0) return bias;
  return tf.add(bias, tf.tensor4d(shiftMask(size, window, shift), [(size / window) ** 2, 1, tokens, tokens]));
}
