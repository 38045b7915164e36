/**
 * Computes a TFLite file operation by operation as its own graph says, in float64 and without the networks of core: the
 * oracle that they are compared with. TFLite's maps are [1, H, W, C], which is what core's token maps are.
 */
import type { SlidingWindow } from '@swinface/core';
import { ReferenceOps, type ReferenceTensor, toReference } from '@swinface/core/reference';
import { TFLITE_OPERATOR as OP, readTflite, tfliteConstants } from '../../../../src/convert/tflite.js';

const at = (values: readonly number[], index: number): number => {
  const value = values[index];
  if (value === undefined) throw new RangeError(`No value ${index} of [${values}]`);
  return value;
};

/** SAME (0) or VALID (1) padding of a window, as TensorFlow defines it. */
function windowOf(shape: readonly number[], kernel: [number, number], stride: number, padding: number): SlidingWindow {
  const sides = [at(shape, 1), at(shape, 2)] as const;
  const total = (axis: 0 | 1) => {
    const out = Math.ceil(sides[axis] / stride);
    return padding === 0 ? Math.max(0, (out - 1) * stride + kernel[axis] - sides[axis]) : 0;
  };
  const [rows, columns] = [total(0), total(1)];
  const [top, left] = [Math.floor(rows / 2), Math.floor(columns / 2)];
  return { sides, kernel, stride, padding: { top, left, bottom: rows - top, right: columns - left } };
}

/** [O, h, w, I] or [1, h, w, C] -> [O, I, h, w] */
function filterOf({ shape, data }: ReferenceTensor, depthwise: boolean): ReferenceTensor {
  const [o, h, w, i] = [at(shape, 0), at(shape, 1), at(shape, 2), at(shape, 3)];
  const [outputs, inputs] = depthwise ? [i, 1] : [o, i];
  const turned = new Float64Array(data.length);
  for (let to = 0; to < turned.length; to++) {
    const [x, y] = [to % w, Math.floor(to / w) % h];
    const [channel, output] = [Math.floor(to / w / h) % inputs, Math.floor(to / w / h / inputs)];
    const from = depthwise ? (y * w + x) * i + output : ((output * h + y) * w + x) * i + channel;
    turned[to] = data[from] ?? Number.NaN;
  }
  return { shape: [outputs, inputs, h, w], data: turned };
}

/** @param picture RGB, [H, W, 3], as the file wants it */
export function runTflite(file: Uint8Array, picture: Float64Array): ReadonlyMap<string, ReferenceTensor> {
  const model = readTflite(file);
  const { tensors, operators, inputs, outputs } = model;
  const ops = new ReferenceOps();
  const values = new Map<number, ReferenceTensor>();
  for (const [number, constant] of tfliteConstants(model)) values.set(number, toReference(constant));
  const shapeOf = (number: number): readonly number[] => tensors[number]?.shape ?? [];
  const value = (number: number): ReferenceTensor => {
    const known = values.get(number);
    if (!known) throw new Error(`${tensors[number]?.name} is read before it is computed`);
    return known;
  };
  /** A map as core has it: [1, H*W, C]. */
  const map = (number: number): ReferenceTensor => {
    const channels = at(shapeOf(number), shapeOf(number).length - 1);
    const { data } = value(number);
    return { shape: [1, data.length / channels, channels], data };
  };
  values.set(at(inputs, 0), { shape: shapeOf(at(inputs, 0)), data: picture });
  for (const { code, inputs: from, outputs: to, option } of operators) {
    const x = at(from, 0);
    const result = at(to, 0);
    const compute = (): ReferenceTensor => {
      switch (code) {
        case OP.conv2d:
        case OP.depthwiseConv2d: {
          const depthwise = code === OP.depthwiseConv2d;
          const filter = filterOf(value(at(from, 1)), depthwise);
          const kernel: [number, number] = [at(filter.shape, 2), at(filter.shape, 3)];
          const window = windowOf(shapeOf(x), kernel, option(1, 4), option(0, 1));
          const groups = depthwise ? at(filter.shape, 0) : 1;
          if (option(depthwise ? 4 : 3, 1) !== 0) throw new Error('an activation inside a convolution');
          return ops.convolution(map(x), { weight: filter, bias: value(at(from, 2)) }, { ...window, groups });
        }
        case OP.maxPool2d:
          return ops.maxPool(map(x), windowOf(shapeOf(x), [option(4, 4), option(3, 4)], option(1, 4), option(0, 1)));
        case OP.relu:
          return ops.relu(value(x));
        case OP.prelu:
          return ops.prelu(map(x), value(at(from, 1)));
        case OP.add:
          if (option(0, 1) !== 0) throw new Error('an activation inside a sum');
          return ops.add(map(x), map(at(from, 1)));
        case OP.pad:
          return ops.padChannels(map(x), at(shapeOf(result), 3));
        case OP.resizeBilinear: {
          if (option(3, 1) !== 1) throw new Error('only half-pixel centres are expected');
          const [, h, w] = shapeOf(x);
          const [, height, width] = shapeOf(result);
          return ops.resizeBilinear(map(x), [h ?? 0, w ?? 0], [height ?? 0, width ?? 0]);
        }
        case OP.reshape:
          return value(x);
        case OP.concatenation: {
          const parts = from.map((part) => value(part).data);
          const data = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
          parts.reduce((offset, part) => {
            data.set(part, offset);
            return offset + part.length;
          }, 0);
          return { shape: shapeOf(result), data };
        }
        default:
          throw new Error(`The operation ${code} is not computed here`);
      }
    };
    if (code !== OP.dequantize) values.set(result, compute());
  }
  return new Map(outputs.map((number) => [tensors[number]?.name ?? '', value(number)]));
}
