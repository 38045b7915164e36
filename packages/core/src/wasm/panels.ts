import type { HostTensor } from '../tensor.js';
import type { Layout, Region } from './layout.js';
import { TILE_COLUMNS } from './steps.js';

/** A matrix [S, N, K] as products read it, and what stands in K and N. */
export interface Matrix {
  readonly data: Float32Array;
  readonly subnets: number;
  readonly outputs: number;
  readonly inputs: number;
  /** Where input k of an output's row stands in `data`; in order where absent. */
  readonly inputPlaces?: Int32Array;
}

/** [S, N, K] -> panels [S][ceil(N / 8)][K][8], every input times `scale`; columns past N are zero. */
export function weightPanels(layout: Layout, matrix: Matrix, scale: HostTensor | undefined): Region {
  const { data, subnets, outputs, inputs, inputPlaces } = matrix;
  const panels = Math.ceil(outputs / TILE_COLUMNS);
  const panelBytes = 4 * inputs * TILE_COLUMNS;
  const fill = (target: DataView, part: number) => {
    const panel = new Float32Array(target.buffer, target.byteOffset + part * panelBytes, inputs * TILE_COLUMNS);
    const subnet = Math.floor(part / panels);
    const first = (part % panels) * TILE_COLUMNS;
    for (let c = 0; c < TILE_COLUMNS && first + c < outputs; c++) {
      const row = (subnet * outputs + first + c) * inputs;
      for (let k = 0; k < inputs; k++) {
        const value = data[row + (inputPlaces ? (inputPlaces[k] as number) : k)] as number;
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
  const padded = Math.ceil(outputs / TILE_COLUMNS) * TILE_COLUMNS;
  return layout.constant(
    4 * subnets * padded,
    (target, subnet) => {
      const row = new Float32Array(target.buffer, target.byteOffset + 4 * subnet * padded, outputs);
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
