import type { HostTensor } from '../../tensor.js';
import type { Layout, Region } from './layout.js';
import { padded } from './lowering.js';
import { TILE_COLUMNS } from './steps.js';

/** A matrix [S, N, K] as products read it, and what stands in K and N. */
export interface Matrix {
  readonly data: Float32Array;
  readonly subnets: number;
  readonly outputs: number;
  readonly inputs: number;
  /** Where packed input k stands in an output's row of `data`, -1 for a zero; in order where absent. */
  readonly places?: Int32Array;
}

/** Places of rows that are padded to whole vectors; none are needed where they are whole. */
export function paddedPlaces(inputs: number): Pick<Matrix, 'places'> {
  if (inputs % 4 === 0) return {};
  return { places: Int32Array.from({ length: padded(inputs) }, (_, k) => (k < inputs ? k : -1)) };
}

/** Places of [O, C, taps] where a tap's channels, padded to whole vectors, follow one another. */
export function tapPlaces(channels: number, taps: number): Int32Array {
  const width = padded(channels);
  return Int32Array.from({ length: taps * width }, (_, k) => {
    const channel = k % width;
    return channel < channels ? channel * taps + Math.floor(k / width) : -1;
  });
}

/** [S, N, K] -> panels [S][ceil(N / 8)][packed K][8], every input times `scale`; columns past N are zero. */
export function weightPanels(layout: Layout, matrix: Matrix, scale: HostTensor | undefined): Region {
  const { data, subnets, outputs, inputs, places } = matrix;
  const panels = Math.ceil(outputs / TILE_COLUMNS);
  const depth = places?.length ?? inputs;
  const panelBytes = 4 * depth * TILE_COLUMNS;
  const fill = (target: DataView, part: number) => {
    const panel = new Float32Array(target.buffer, target.byteOffset + part * panelBytes, depth * TILE_COLUMNS);
    const subnet = Math.floor(part / panels);
    const first = (part % panels) * TILE_COLUMNS;
    for (let c = 0; c < TILE_COLUMNS && first + c < outputs; c++) {
      const row = (subnet * outputs + first + c) * inputs;
      for (let k = 0; k < depth; k++) {
        const place = places ? (places[k] as number) : k;
        if (place < 0) continue;
        const value = data[row + place] as number;
        panel[k * TILE_COLUMNS + c] = scale ? value * (scale.data[k] as number) : value;
      }
    }
  };
  return layout.constant(subnets * panels * panelBytes, fill, subnets * panels);
}

/** Bias [S][N rounded up to 8] of a matrix, plus the matrix times `shift`, summed in float64. */
export function biasPanels(
  layout: Layout,
  { data, subnets, outputs, inputs }: Matrix,
  bias: HostTensor | undefined,
  shift: HostTensor | undefined,
): Region {
  const columns = Math.ceil(outputs / TILE_COLUMNS) * TILE_COLUMNS;
  return layout.constant(
    4 * subnets * columns,
    (target, subnet) => {
      const row = new Float32Array(target.buffer, target.byteOffset + 4 * subnet * columns, outputs);
      for (let o = 0; o < outputs; o++) {
        let sum = bias ? (bias.data[subnet * outputs + o] as number) : 0;
        if (shift) {
          const start = (subnet * outputs + o) * inputs;
          for (let k = 0; k < inputs; k++) sum += (data[start + k] as number) * (shift.data[k] as number);
        }
        row[o] = sum;
      }
    },
    subnets,
  );
}

/** Numbers as they are. */
export function floats(layout: Layout, data: Float32Array): Region {
  return layout.constant(data.byteLength, (target) => {
    new Float32Array(target.buffer, target.byteOffset, data.length).set(data);
  });
}

/** Whole numbers as they are. */
export function integers(layout: Layout, data: ArrayLike<number>): Region {
  return layout.constant(4 * data.length, (target) => {
    new Int32Array(target.buffer, target.byteOffset, data.length).set(data);
  });
}

/** Rows of `width` numbers, each padded with zeros to whole vectors. */
export function paddedRows(layout: Layout, data: Float32Array, width: number): Region {
  const stride = padded(width);
  return layout.constant((4 * data.length * stride) / width, (target) => {
    const rows = new Float32Array(target.buffer, target.byteOffset, (data.length / width) * stride);
    for (let from = 0, to = 0; from < data.length; from += width, to += stride) {
      rows.set(data.subarray(from, from + width), to);
    }
  });
}

/** A bias of so many outputs, or as many zeros, padded to a multiple of `step`. */
export const paddedBias = (layout: Layout, bias: HostTensor | undefined, outputs: number, step = 4): Region =>
  layout.constant(4 * step * Math.ceil(outputs / step), (target) => {
    if (bias) new Float32Array(target.buffer, target.byteOffset, outputs).set(bias.data);
  });

/** A bias as it is, or so many zeros. */
export const biasOrZeros = (layout: Layout, bias: HostTensor | undefined, length: number): Region =>
  floats(layout, bias?.data ?? new Float32Array(length));

/** Exchanges the last two axes of [O, I] or [S, O, I]. */
export function transposed({ shape, data }: HostTensor): Float32Array {
  const [outputs = 1, inputs = 1] = shape.slice(-2);
  const result = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const subnet = Math.floor(i / (outputs * inputs));
    const o = Math.floor(i / inputs) % outputs;
    result[(subnet * inputs + (i % inputs)) * outputs + o] = data[i] as number;
  }
  return result;
}
