import { InvalidInputError } from '../../errors.js';
import type { HostTensor } from '../../tensor.js';
import {
  type Constant,
  constant,
  type Kernel,
  quarter,
  read,
  shader,
  uniform,
  type Value,
  WORKGROUP,
  write,
} from '../kernel.js';
import source from './conv3x3.wgsl?raw';

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
}

/** The convolutions of all subnets over one level, written to their place in the concatenation. */
export function conv3x3({ label, x, y, maxFaces, size, weight, width, offset }: Conv3x3Options): Kernel {
  if (size !== SIDE) {
    throw new InvalidInputError(`The WebGPU convolution (${label}) is made for one size of token map.`, {
      expected: `${SIDE} x ${SIDE} tokens`,
      actual: `${size} x ${size}`,
    });
  }
  const [subnets, outputs, channels] = weight.shape as [number, number, number];
  const n4 = Math.ceil((subnets * outputs) / 4);
  return {
    label,
    code: shader(source),
    entryPoint: 'conv3x3',
    constants: {},
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
      read(columns(label, weight, n4)),
      write(y),
    ],
    workgroups: (faces) => Math.ceil((faces * SIDE * n4) / WORKGROUP),
  };
}

/** [S, outputs, C, 3, 3] -> [3 * 3, C, S * outputs], padded with zero columns to 4 * n4. */
function columns(label: string, weight: HostTensor, n4: number): Constant {
  const [subnets, outputs, channels] = weight.shape as [number, number, number];
  return constant(label, 9 * channels * 4 * n4, (target) => {
    const { data } = weight;
    let at = 0;
    for (let n = 0; n < subnets * outputs; n++) {
      for (let c = 0; c < channels; c++) {
        for (let tap = 0; tap < 9; tap++) target[(tap * channels + c) * 4 * n4 + n] = data[at++] as number;
      }
    }
  });
}
