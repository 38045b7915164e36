import { InvalidInputError } from '../../../errors.js';
import type { HostTensor } from '../../../tensor.js';
import {
  type Constant,
  constant,
  type Kernel,
  quarter,
  read,
  uniform,
  type Value,
  WORKGROUP,
  write,
} from '../kernel.js';
import { type Storage, StoredMatrix, WIDEN } from '../storage.js';
import source from './conv3x3.wgsl?raw';
import { LANES, type Lanes } from './lanes.js';

/** Side of the token map; `SIDE` of the shader, whose registers hold one line of it. */
const SIDE = 7;

export interface Conv3x3Options {
  readonly label: string;
  /** [maxFaces, 7 * 7, C] */
  readonly x: Value;
  /** [S, maxFaces, 7 * 7, width] */
  readonly y: Value;
  readonly maxFaces: number;
  readonly size: number;
  /** [S, outputs, C, 3, 3] */
  readonly weight: HostTensor;
  /** Channels of `y`, and the first one that this convolution writes. */
  readonly width: number;
  readonly offset: number;
  readonly storage: Storage;
}

/** The convolutions of all subnets over one level, written to their place in the concatenation. */
export function conv3x3({ label, x, y, maxFaces, size, weight, width, offset, storage }: Conv3x3Options): Kernel {
  if (size !== SIDE) {
    throw new InvalidInputError(`The WebGPU convolution (${label}) is made for one size of token map.`, {
      expected: `${SIDE} x ${SIDE} tokens`,
      actual: `${size} x ${size}`,
    });
  }
  const [subnets, outputs, channels] = weight.shape as [number, number, number];
  const n4 = Math.ceil((subnets * outputs) / 4);
  const matrix = columns(label, storage, weight, n4);
  const variant = (lanes: Lanes) => ({
    name: lanes,
    shader: {
      ...LANES[lanes],
      sources: [...LANES[lanes].sources, WIDEN[storage], source],
      quadUniform: lanes === 'quad',
    },
    entryPoint: 'conv3x3',
    constants: {},
    workgroups: (faces: number) => {
      const width = Math.ceil(n4 / LANES[lanes].width) * LANES[lanes].width;
      return Math.ceil((faces * SIDE * width) / WORKGROUP);
    },
  });
  return {
    label,
    variants: [variant('alone'), variant('quad')],
    bindings: [
      uniform(`${label}.sizes`, {
        subnets,
        faces: maxFaces,
        c4: quarter(channels, label),
        outputs,
        n4,
        width,
        offset,
      }),
      read(x),
      read(matrix.constant),
      read(scales(`${label}.scales`, matrix, subnets * outputs)),
      write(y),
    ],
  };
}

const scales = (label: string, matrix: StoredMatrix, columns: number): Constant =>
  constant(label, columns, (target) => {
    let at = 0;
    for (const { scale } of matrix.rows()) target[at++] = scale;
  });

/** [S, outputs, C, 3, 3] -> [3 * 3, C, S * outputs], padded with zero columns to 4 * n4. */
function columns(label: string, storage: Storage, weight: HostTensor, n4: number): StoredMatrix {
  const [subnets, outputs, channels] = weight.shape as [number, number, number];
  return new StoredMatrix(storage, {
    label,
    rows: subnets * outputs,
    length: 9 * channels * 4 * n4,
    start: (row) => row,
    offsets: Int32Array.from({ length: 9 * channels }, (_, i) => {
      const [channel, tap] = [Math.floor(i / 9), i % 9];
      return (tap * channels + channel) * 4 * n4;
    }),
    data: () => weight.data,
  });
}
