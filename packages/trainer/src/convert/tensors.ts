import type { StoredType } from './dtypes.js';

/** A tensor of a weight file that is read when it is needed. */
export interface LazyTensor {
  readonly type: StoredType;
  readonly shape: readonly number[];
  /**
   * Its elements as float32, row-major.
   *
   * @throws {WeightsInvalidError} if the file is damaged there
   */
  read(): Promise<Float32Array>;
}

/** Something in a file that is left aside. */
export interface Ignored {
  /** Name or pattern. */
  readonly what: string;
  /** Tensors concerned; 0 for plain values. */
  readonly tensors: number;
  readonly why: string;
}
