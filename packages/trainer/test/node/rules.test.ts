import { OnnxGraph, type OnnxValue, primitives as p } from '@swinface/core/onnx';
import { expectAllClose } from '@swinface/testing';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/data/random.js';
import { differentiate } from '../../src/graph/differentiate.js';
import { RULES } from '../../src/graph/rules.js';
import { evaluate, type Tensor64, tensor } from './support/evaluate.js';

interface Case {
  readonly name: string;
  /** Operators whose rules the case is about. */
  readonly covers: readonly string[];
  readonly shapes: readonly (readonly number[])[];
  readonly build: (graph: OnnxGraph, inputs: OnnxValue[]) => OnnxValue;
  /** Range of the inputs. */
  readonly range?: readonly [number, number];
}

const one = (name: string, op: (graph: OnnxGraph, x: OnnxValue) => OnnxValue, extra: Partial<Case> = {}): Case => ({
  name,
  covers: [name],
  shapes: [[3, 4, 5]],
  build: (graph, [x]) => op(graph, x as OnnxValue),
  ...extra,
});
const two = (
  name: string,
  op: (graph: OnnxGraph, a: OnnxValue, b: OnnxValue) => OnnxValue,
  shapes: readonly (readonly number[])[],
  extra: Partial<Case> = {},
): Case => ({
  name,
  covers: [name],
  shapes,
  build: (graph, [a, b]) => op(graph, a as OnnxValue, b as OnnxValue),
  ...extra,
});

interface Sliding {
  readonly pads?: number[];
  readonly strides?: number[];
  readonly group?: number;
}

/** Shape of the maps that a window makes of maps [B, C, H, W]. */
function windowed(map: number[], kernel: number[], { pads = [0, 0, 0, 0], strides = [1, 1] }: Sliding): number[] {
  const [faces, channels, ...sides] = map as [number, number, number, number];
  const out = sides.map((side, axis) => {
    const borders = (pads[axis] as number) + (pads[axis + 2] as number);
    return Math.floor((side + borders - (kernel[axis] as number)) / (strides[axis] as number)) + 1;
  });
  return [faces, channels, ...out];
}

const convolution = (name: string, map: number[], kernel: number[], attributes: Sliding): Case => ({
  name: `Conv ${name}`,
  covers: ['Conv'],
  shapes: [map, kernel, [kernel[0] as number]],
  build: (graph, inputs) => {
    const [faces, , height, width] = windowed(map, kernel.slice(2), attributes) as [number, number, number, number];
    const shape = [faces, kernel[0] as number, height, width];
    return graph.emit('Conv', inputs, shape, { kernel_shape: kernel.slice(2), ...attributes });
  },
});

const CASES: readonly Case[] = [
  ...(['Add', 'Sub', 'Mul'] as const).flatMap((op) => {
    const build = { Add: p.add, Sub: p.sub, Mul: p.mul }[op];
    return [
      two(op, build, [
        [2, 3],
        [2, 3],
      ]),
      two(op, build, [[2, 3, 4], [4]]),
      two(op, build, [
        [3, 1],
        [2, 3, 4],
      ]),
      two(op, build, [
        [2, 1, 4],
        [1, 3, 4],
      ]),
    ];
  }),
  two(
    'Div',
    p.div,
    [
      [2, 3],
      [2, 3],
    ],
    { range: [0.5, 2] },
  ),
  two(
    'Div',
    p.div,
    [
      [2, 3, 4],
      [3, 1],
    ],
    { range: [0.5, 2] },
  ),
  one('Neg', p.neg),
  one('Exp', p.exp),
  one('Log', p.log, { range: [0.5, 2] }),
  one('Sqrt', p.sqrt, { range: [0.5, 2] }),
  one('Relu', p.relu),
  one('Sigmoid', p.sigmoid),
  one('Gelu', p.gelu, { range: [-4, 4] }),
  one('Softplus', p.softplus, { range: [-4, 4] }),
  one('Softmax', p.softmax),
  one('LogSoftmax', p.logSoftmax),
  {
    name: 'LayerNormalization',
    covers: ['LayerNormalization'],
    shapes: [[2, 3, 8], [8], [8]],
    build: (graph, [x, weight, bias]) =>
      p.layerNormalization(graph, x as OnnxValue, { weight: weight as OnnxValue, bias: bias as OnnxValue }, 1e-5),
  },
  one('LayerNormalization', (graph, x) => {
    const width = 5;
    const weight = graph.constant(new Float32Array(width).fill(1), [width]);
    return p.layerNormalization(graph, x, { weight, bias: graph.constant(new Float32Array(width), [width]) }, 1e-5);
  }),
  two('MatMul', p.matMul, [
    [3, 4],
    [4, 5],
  ]),
  two('MatMul', p.matMul, [
    [2, 3, 4],
    [4, 5],
  ]),
  two('MatMul', p.matMul, [
    [3, 4],
    [2, 4, 5],
  ]),
  two('MatMul', p.matMul, [
    [2, 1, 3, 4],
    [2, 6, 4, 5],
  ]),
  two('Gemm', (graph, a, b) => p.gemm(graph, a, b), [
    [3, 4],
    [4, 5],
  ]),
  {
    name: 'Gemm with bias and a transposed right side',
    covers: ['Gemm'],
    shapes: [[3, 4], [5, 4], [5]],
    build: (graph, [a, b, bias]) => p.gemm(graph, a as OnnxValue, b as OnnxValue, { transB: true, bias }),
  },
  one('ReduceSum', (graph, x) => p.reduceSum(graph, x, [0, 2])),
  one('ReduceMean', (graph, x) => p.reduceMean(graph, x, [1])),
  one('ReduceMax', (graph, x) => p.reduceMax(graph, x, [1]), { shapes: [[2, 4, 3]] }),
  one('Reshape', (graph, x) => p.reshape(graph, x, [6, 10])),
  one('Transpose', (graph, x) => p.transpose(graph, x, [2, 0, 1])),
  one('Expand', (graph, x) => p.expand(graph, x, [2, 3, 4, 5])),
  one('Gather', (graph, x) => p.gather(graph, x, 1, [2, 0, 3, 1]), { name: 'Gather of a permutation' }),
  one('Gather', (graph, x) => p.gather(graph, x, 1, [2, 2, 0, 3, 2]), { name: 'Gather with repeats' }),
  one('Slice', (graph, x) => p.slice(graph, x, 2, 1, 3)),
  one('Split', (graph, x) => {
    const [first, , third, last] = p.split(graph, x, 1, 4) as [OnnxValue, OnnxValue, OnnxValue, OnnxValue];
    return p.mul(graph, first, p.mul(graph, third, last));
  }),
  two('Concat', (graph, a, b) => p.concat(graph, [a, b, a], 1), [
    [2, 3],
    [2, 4],
  ]),
  ...[
    { name: '3x3', map: [2, 2, 4, 5], kernel: [3, 2, 3, 3], pads: [1, 1, 1, 1] },
    { name: '1x1', map: [2, 3, 4, 5], kernel: [5, 3, 1, 1] },
    { name: '1x1 of stride 2', map: [2, 3, 5, 4], kernel: [2, 3, 1, 1], strides: [2, 2] },
    { name: 'depthwise 3x3', map: [2, 4, 5, 5], kernel: [4, 1, 3, 3], pads: [1, 1, 1, 1], group: 4 },
    {
      name: 'depthwise 5x5 of stride 2',
      map: [1, 3, 8, 7],
      kernel: [3, 1, 5, 5],
      pads: [1, 2, 2, 1],
      strides: [2, 2],
      group: 3,
    },
    { name: 'two groups', map: [2, 4, 4, 5], kernel: [6, 2, 3, 2], pads: [1, 0, 0, 1], group: 2 },
    {
      name: 'stride 2 with asymmetric padding',
      map: [2, 2, 6, 7],
      kernel: [3, 2, 3, 3],
      pads: [0, 0, 1, 1],
      strides: [2, 2],
    },
    { name: 'whole map', map: [2, 3, 4, 4], kernel: [3, 1, 4, 4], group: 3 },
  ].map(({ name, map, kernel, ...attributes }) => convolution(name, map, kernel, attributes)),
  ...[
    { name: '2x2', map: [2, 3, 4, 6], kernel: [2, 2], strides: [2, 2] },
    { name: 'overlapping, with borders', map: [1, 2, 6, 5], kernel: [3, 3], strides: [2, 2], pads: [1, 1, 0, 1] },
  ].map(
    ({ name, map, kernel, ...attributes }): Case => ({
      name: `MaxPool ${name}`,
      covers: ['MaxPool'],
      shapes: [map],
      build: (graph, [x]) =>
        graph.emit('MaxPool', [x as OnnxValue], windowed(map, kernel, attributes), {
          kernel_shape: kernel,
          ...attributes,
        }),
    }),
  ),
  two('PRelu', p.prelu, [[2, 3, 4], [4]]),
  two('PRelu', p.prelu, [
    [2, 3, 4, 2],
    [3, 1, 1],
  ]),
  one('Pad', (graph, x) => graph.emit('Pad', [x, graph.integers([0, 1, 0, 0, 2, 3])], [3, 7, 8])),
  one('Identity', (graph, x) => graph.emit('Identity', [x], x.shape)),
  one('a value used twice', (graph, x) => p.mul(graph, p.exp(graph, x), p.sigmoid(graph, x)), { covers: [] }),
];

/** Central difference of the fourth order: its error is h^4 / 30 of the fifth derivative, about 1e-13 here. */
function finiteDifference(loss: (values: readonly Tensor64[]) => number, values: readonly Tensor64[]): number[][] {
  const h = 1e-3;
  return values.map((value, which) =>
    Array.from(value.data, (_, index) => {
      const at = (shift: number) => {
        const data = value.data.slice();
        data[index] = (data[index] as number) + shift;
        return loss(values.map((other, i) => (i === which ? { shape: other.shape, data } : other)));
      };
      return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
    }),
  );
}

describe('every rule agrees with finite differences', () => {
  test.each(CASES.map((entry, index) => [`${entry.name} ${JSON.stringify(entry.shapes)}`, entry, index] as const))(
    '%s',
    (_, { shapes, build, range = [-1, 1] }, seed) => {
      const graph = new OnnxGraph();
      const inputs = shapes.map((shape, index) => graph.input(`x${index}`, shape));
      const y = build(graph, inputs);
      const random = new Random(7, seed);
      // A random weight for each output element, so that no error can cancel in a plain sum.
      const weights = tensor(y.shape, () => random.uniform(-1, 1));
      const weight = graph.input('weights', y.shape);
      const axes = y.shape.map((_, axis) => axis);
      const loss = p.reduceSum(graph, p.mul(graph, y, weight), axes);
      const gradients = differentiate(graph, loss, inputs);
      const values = shapes.map((shape) => tensor(shape, () => random.uniform(...range)));
      const run = (at: readonly Tensor64[], last?: string) =>
        evaluate(
          graph,
          new Map([['weights', weights], ...at.map((value, index) => [`x${index}`, value] as const)]),
          last,
        );
      const computed = run(values);
      finiteDifference((at) => run(at, loss.name).get(loss.name)?.data[0] as number, values).forEach(
        (expected, index) => {
          const actual = computed.get(gradients[index]?.name ?? '');
          expect(actual?.shape).toEqual(shapes[index]);
          // Float64 throughout; constants of the graph are stored in float32 (6e-8 relative).
          expectAllClose(actual?.data ?? [], expected, { atol: 2e-7, rtol: 2e-7, label: `input ${index}` });
        },
      );
    },
  );

  test('no rule is left out', () => {
    expect(Object.keys(RULES).filter((op) => !CASES.some(({ covers }) => covers.includes(op)))).toEqual([]);
  });
});

test('an operator without a rule is named', () => {
  const graph = new OnnxGraph();
  const x = graph.input('x', [1]);
  expect(() => differentiate(graph, graph.emit('Tan', [x], [1]), [x])).toThrow(/Tan has no gradient rule/);
});

test('a value that the loss does not read is named', () => {
  const graph = new OnnxGraph();
  const x = graph.input('x', [1]);
  const y = graph.input('y', [1]);
  expect(() => differentiate(graph, p.exp(graph, x), [y])).toThrow(/does not depend on y/);
});
