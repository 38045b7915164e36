import { type OnnxGraph, type OnnxValue, primitives as p } from '@swinface/core/onnx';
import { CONVOLUTION_RULES } from './convolution-rules.js';
import { input, output, type Rule, type RuleContext, rank, size, sumTo } from './rule.js';

type V = OnnxValue;

/** dL/dx of x / y and x * y share their broadcasting. */
const binary =
  (left: (c: RuleContext) => V, right: (c: RuleContext) => V): Rule =>
  (context) => {
    const { graph, node, needs } = context;
    return [
      needs[0] ? sumTo(graph, left(context), input(node, 0).shape) : undefined,
      needs[1] ? sumTo(graph, right(context), input(node, 1).shape) : undefined,
    ];
  };

const unary =
  (derivative: (c: RuleContext & { x: V; y: V }) => V): Rule =>
  (context) => [derivative({ ...context, x: input(context.node, 0), y: output(context.node) })];

/** dL/da . dL/db of a matrix product with broadcast leading axes. */
const matMul: Rule = ({ graph, node, gradient, needs }) => {
  const a = input(node, 0);
  const b = input(node, 1);
  const inner = b.shape[rank(b) - 2] as number;
  const columns = b.shape[rank(b) - 1] as number;
  let da: V | undefined;
  let db: V | undefined;
  if (needs[0]) da = sumTo(graph, p.matMul(graph, gradient, p.transposeLast(graph, b)), a.shape);
  if (needs[1]) {
    if (rank(b) === 2) {
      // All rows at once: a^T g over the leading axes too.
      const rows = size(a) / inner;
      const left = p.reshape(graph, a, [rows, inner]);
      db = p.gemm(graph, left, p.reshape(graph, gradient, [rows, columns]), { transA: true });
    } else {
      db = sumTo(graph, p.matMul(graph, p.transposeLast(graph, a), gradient), b.shape);
    }
  }
  return [da, db];
};

/** a . W^T + bias, the only form the network writes. */
const gemm: Rule = ({ graph, node, gradient, needs }) => {
  const a = input(node, 0);
  const b = input(node, 1);
  if (node.attributes.transA !== 0) throw new RangeError('Gemm with a transposed left side has no rule');
  const transB = node.attributes.transB === 1;
  return [
    needs[0] ? p.gemm(graph, gradient, b, { transB: !transB }) : undefined,
    needs[1]
      ? transB
        ? p.gemm(graph, gradient, a, { transA: true })
        : p.gemm(graph, a, gradient, { transA: true })
      : undefined,
    ...(node.inputs.length > 2 ? [needs[2] ? sumTo(graph, gradient, input(node, 2).shape) : undefined] : []),
  ];
};

/** 1/sqrt(2 pi) */
const GAUSSIAN_PEAK = 1 / Math.sqrt(2 * Math.PI);

const gelu = unary(({ graph, gradient, x }) => {
  const half = p.mul(graph, p.erf(graph, p.mul(graph, x, graph.scalar(Math.SQRT1_2))), graph.scalar(0.5));
  const peak = p.exp(graph, p.mul(graph, p.mul(graph, x, x), graph.scalar(-0.5)));
  const slope = p.mul(graph, p.mul(graph, x, peak), graph.scalar(GAUSSIAN_PEAK));
  return p.mul(graph, gradient, p.add(graph, p.add(graph, half, slope), graph.scalar(0.5)));
});

const softmax = unary(({ graph, gradient, y }) => {
  const last = [rank(y) - 1];
  const inner = p.reduceSum(graph, p.mul(graph, gradient, y), last);
  return p.mul(graph, y, p.sub(graph, gradient, inner));
});

const logSoftmax = unary(({ graph, gradient, y }) =>
  p.sub(graph, gradient, p.mul(graph, p.exp(graph, y), p.reduceSum(graph, gradient, [rank(y) - 1]))),
);

/** Reuses the mean and the inverse deviation, which the forward node can give as its second and third output. */
const layerNormalization: Rule = ({ graph, node, gradient, needs }) => {
  const x = input(node, 0);
  const weight = input(node, 1);
  const width = x.shape[rank(x) - 1] as number;
  const statistics = [...x.shape.slice(0, -1), 1];
  while (node.outputs.length < 3) node.outputs.push({ name: graph.fresh(), shape: statistics });
  const [y, mean, inverse] = node.outputs as [V, V, V];
  // With scale one and shift zero, the output is the normalised input itself.
  const constant = !needs[1] && !needs[2];
  const plain = constant && holds(graph, weight, 1) && holds(graph, input(node, 2), 0);
  const normal = plain ? y : p.mul(graph, p.sub(graph, x, mean), inverse);
  const product = p.mul(graph, gradient, normal);
  let dx: V | undefined;
  if (needs[0]) {
    // Means over the channels, weighted by the scale: products of a matrix and a vector.
    const column = p.mul(graph, p.reshape(graph, weight, [width, 1]), graph.scalar(1 / width));
    const scaled = plain ? gradient : p.mul(graph, gradient, weight);
    const centred = p.sub(graph, scaled, p.matMul(graph, gradient, column));
    const along = p.mul(graph, normal, p.matMul(graph, product, column));
    dx = p.mul(graph, p.sub(graph, centred, along), inverse);
  }
  return [
    dx,
    needs[1] ? sumTo(graph, product, weight.shape) : undefined,
    needs[2] ? sumTo(graph, gradient, weight.shape) : undefined,
  ];
};

/** Whether a value is a constant all of whose entries are `entry`. */
const holds = (graph: OnnxGraph, { name }: V, entry: number): boolean => {
  const stored = graph.constants.get(name)?.data;
  return stored instanceof Float32Array && stored.every((value) => value === entry);
};

const reduceSum: Rule = ({ graph, node, gradient }) => [p.expand(graph, gradient, input(node, 0).shape)];

const reduceMean: Rule = ({ graph, node, gradient }) => {
  const x = input(node, 0);
  const share = p.mul(graph, gradient, graph.scalar(size(output(node)) / size(x)));
  return [p.expand(graph, share, x.shape)];
};

/** Equal maxima share the gradient. */
const reduceMax: Rule = ({ graph, node, gradient }) => {
  const x = input(node, 0);
  const y = output(node);
  const axes = y.shape.flatMap((side, axis) => (side === x.shape[axis] ? [] : [axis]));
  // 1 where x is the maximum and 0 below it.
  const hit = p.add(graph, p.sign(graph, p.sub(graph, x, y)), graph.scalar(1));
  return [p.mul(graph, hit, p.div(graph, gradient, p.reduceSum(graph, hit, axes)))];
};

const reshape: Rule = ({ graph, node, gradient }) => [p.reshape(graph, gradient, input(node, 0).shape)];

const transpose: Rule = ({ graph, node, gradient }) => {
  const perm = node.attributes.perm as readonly number[];
  return [
    p.transpose(
      graph,
      gradient,
      perm.map((_, axis) => perm.indexOf(axis)),
    ),
  ];
};

/** A permutation is undone by its inverse; repeated entries are summed by a product with a constant 0/1 matrix. */
const gather: Rule = ({ graph, node, gradient }) => {
  const x = input(node, 0);
  const axis = node.attributes.axis as number;
  const stored = graph.constants.get(input(node, 1).name);
  if (!stored) throw new RangeError('Gather has a rule for constant indices only');
  const indices = Array.from(stored.data, Number);
  const side = x.shape[axis] as number;
  if (indices.length === side && new Set(indices).size === side) {
    const inverse = new Array<number>(side);
    indices.forEach((from, to) => {
      inverse[from] = to;
    });
    return [p.gather(graph, gradient, axis, inverse)];
  }
  const hits = new Float32Array(side * indices.length);
  indices.forEach((from, to) => {
    hits[from * indices.length + to] = 1;
  });
  const before = x.shape.slice(0, axis);
  const inner = x.shape.slice(axis + 1).reduce((product, length) => product * length, 1);
  const flat = p.reshape(graph, gradient, [...before, indices.length, inner]);
  const summed = p.matMul(graph, graph.constant(hits, [side, indices.length]), flat);
  return [p.reshape(graph, summed, x.shape)];
};

/** Pads with zeros what was cut away. */
const slice: Rule = ({ graph, node, gradient }) => {
  const x = input(node, 0);
  const axis = x.shape.findIndex((side, index) => side !== gradient.shape[index]);
  if (axis === -1) return [gradient];
  const from = Number(graph.constants.get(input(node, 1).name)?.data[0]);
  const after = (x.shape[axis] as number) - from - (gradient.shape[axis] as number);
  const pads = [...x.shape.map((_, i) => (i === axis ? from : 0)), ...x.shape.map((_, i) => (i === axis ? after : 0))];
  return [graph.emit('Pad', [gradient, graph.integers(pads)], x.shape)];
};

const split: Rule = ({ graph, node, gradients }) => {
  const parts = gradients.map((gradient, index) => {
    if (gradient) return gradient;
    const { shape } = node.outputs[index] as V;
    return p.expand(graph, graph.scalar(0), shape);
  });
  return [p.concat(graph, parts, node.attributes.axis as number)];
};

const concat: Rule = ({ graph, node, gradient, needs }) => {
  const axis = node.attributes.axis as number;
  let from = 0;
  return node.inputs.map((part, index) => {
    const start = from;
    from += part.shape[axis] as number;
    return needs[index] ? p.slice(graph, gradient, axis, start, from) : undefined;
  });
};

/** One rule per differentiable operator. */
export const RULES: Readonly<Record<string, Rule>> = {
  Add: binary(
    ({ gradient }) => gradient,
    ({ gradient }) => gradient,
  ),
  Sub: binary(
    ({ gradient }) => gradient,
    ({ graph, gradient }) => p.neg(graph, gradient),
  ),
  Mul: binary(
    ({ graph, node, gradient }) => p.mul(graph, gradient, input(node, 1)),
    ({ graph, node, gradient }) => p.mul(graph, gradient, input(node, 0)),
  ),
  Div: binary(
    ({ graph, node, gradient }) => p.div(graph, gradient, input(node, 1)),
    ({ graph, node, gradient }) => p.neg(graph, p.mul(graph, gradient, p.div(graph, output(node), input(node, 1)))),
  ),
  Neg: unary(({ graph, gradient }) => p.neg(graph, gradient)),
  Exp: unary(({ graph, gradient, y }) => p.mul(graph, gradient, y)),
  Log: unary(({ graph, gradient, x }) => p.div(graph, gradient, x)),
  Sqrt: unary(({ graph, gradient, y }) => p.div(graph, p.mul(graph, gradient, graph.scalar(0.5)), y)),
  Relu: unary(({ graph, gradient, y }) => p.mul(graph, gradient, p.sign(graph, y))),
  Sigmoid: unary(({ graph, gradient, y }) => p.mul(graph, gradient, p.sub(graph, y, p.mul(graph, y, y)))),
  Softplus: unary(({ graph, gradient, x }) => p.mul(graph, gradient, p.sigmoid(graph, x))),
  Identity: unary(({ gradient }) => gradient),
  Gelu: gelu,
  Softmax: softmax,
  LogSoftmax: logSoftmax,
  LayerNormalization: layerNormalization,
  MatMul: matMul,
  Gemm: gemm,
  ReduceSum: reduceSum,
  ReduceMean: reduceMean,
  ReduceMax: reduceMax,
  Reshape: reshape,
  Transpose: transpose,
  Expand: ({ graph, node, gradient }) => [sumTo(graph, gradient, input(node, 0).shape)],
  Gather: gather,
  Slice: slice,
  Split: split,
  Concat: concat,
  ...CONVOLUTION_RULES,
};
