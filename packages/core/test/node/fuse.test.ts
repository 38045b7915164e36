import { sizeOf } from '@swinface/core';
import { describe, expect, test } from 'vitest';
import { fuse } from '../../src/graph/fuse.js';
import { inputsOf } from '../../src/graph/fused.js';
import { type Node, RecordingOps } from '../../src/graph/graph.js';

const ops = new RecordingOps();
const weight = (label: string, ...shape: number[]): Node =>
  ops.constant({ shape, data: new Float32Array(sizeOf(shape)) }, label);
const layer = (name: string, outputs: number, inputs: number) => ({
  weight: weight(`${name}.weight`, outputs, inputs),
  bias: weight(`${name}.bias`, outputs),
});
const conv = (x: Node, name: string): Node =>
  ops.convolution(
    x,
    { weight: weight(`${name}.weight`, 4, 4, 3, 3) },
    {
      sides: [6, 6],
      kernel: [3, 3],
      stride: 1,
      padding: { top: 1, right: 1, bottom: 1, left: 1 },
      groups: 1,
    },
  );
const x = ops.input([2, 36, 4]);

describe('fuse', () => {
  test('draws a residual and the activation after it into a convolution', () => {
    const y = ops.relu(ops.add(x, conv(x, 'a')));
    expect(fuse([y])).toMatchObject([
      { op: 'convolution', label: 'a', x, residual: x, activation: { kind: 'relu' }, y },
    ]);
  });

  test('takes the second summand where both could be drawn in, and computes the first before it', () => {
    const y = ops.prelu(ops.add(conv(x, 'shortcut'), conv(conv(x, 'first'), 'second')), weight('slopes', 4));
    const fused = fuse([y]);
    expect(fused.map(({ label }) => label)).toEqual(['first', 'shortcut', 'second']);
    expect(fused[2]).toMatchObject({ activation: { kind: 'prelu', slopes: { shape: [4] } } });
    expect(fused[2]?.tensors).toHaveLength(2);
    const done = new Set<Node>([x]);
    for (const piece of fused) {
      for (const read of inputsOf(piece)) expect(done).toContain(read);
      done.add(piece.y);
    }
  });

  test('takes the first summand where only that was made for the sum', () => {
    const shared = ops.linear(x, layer('shared', 4, 4));
    const y = ops.add(conv(shared, 'own'), shared);
    expect(fuse([y])).toMatchObject([{ label: 'shared' }, { label: 'own', residual: shared }]);
  });

  test('leaves alone what two others read, or what is an output itself', () => {
    const hidden = conv(x, 'a');
    const y = ops.add(x, conv(hidden, 'b'));
    expect(fuse([y, hidden]).map(({ y }) => y)).toEqual([hidden, y]);
    const shared = ops.linear(x, layer('fc', 4, 4));
    expect(fuse([ops.relu(shared), shared])).toMatchObject([
      { op: 'product', activation: { kind: 'none' }, y: shared },
      { op: 'elementwise', x: shared, activation: { kind: 'relu' } },
    ]);
  });

  test('adds what was activated before, and activates the sum, by itself', () => {
    const [a, b] = [ops.relu(conv(x, 'a')), ops.resizeBilinear(x, [6, 6], [6, 6])];
    expect(fuse([ops.silu(ops.add(a, b))])).toMatchObject([
      { op: 'convolution', y: a },
      { op: 'resizeBilinear', y: b },
      { op: 'elementwise', x: a, residual: b, activation: { kind: 'silu' } },
    ]);
  });

  test('makes tokens of a picture that two convolutions read', () => {
    const tokens = ops.imageTokens(ops.input([2, 4, 6, 6]));
    const y = ops.add(conv(tokens, 'a'), conv(tokens, 'b'));
    expect(fuse([y]).map(({ op }) => op)).toEqual(['imageTokens', 'convolution', 'convolution']);
  });

  test('reads a picture as planes in the first convolution', () => {
    const picture = ops.input([2, 4, 6, 6]);
    expect(fuse([conv(ops.imageTokens(picture), 'stem')])).toMatchObject([{ label: 'stem', x: picture, planes: true }]);
  });

  test('counts the rows of one subnet', () => {
    const stack = ops.input([3, 2, 8]);
    const stacked = { weight: weight('tss.weight', 3, 4, 8), bias: weight('tss.bias', 3, 4) };
    expect(fuse([ops.linear(stack, stacked)])).toMatchObject([{ rows: 2 }]);
    expect(fuse([ops.linear(x, layer('fc', 8, 4))])).toMatchObject([{ rows: 72 }]);
  });
});
