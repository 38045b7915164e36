import { DeviceLostError } from '../errors.js';

/** Remembers that a device was lost, and rejects what is waiting for it at that moment. */
export class LossWatch {
  readonly #waiting = new Set<(error: DeviceLostError) => void>();
  #error: DeviceLostError | undefined;

  constructor(device: GPUDevice) {
    device.lost.then(({ reason, message }) => {
      this.#error = new DeviceLostError(`The GPU device was lost (${reason}${message ? `: ${message}` : ''}).`, {
        hint: 'Request a device and create the network again.',
      });
      for (const reject of this.#waiting) reject(this.#error);
      this.#waiting.clear();
    });
  }

  /** @throws {DeviceLostError} if the device is lost */
  assertAlive(): void {
    if (this.#error) throw this.#error;
  }

  /** The promise, or a {@link DeviceLostError} if the device is lost first. Leaves nothing behind when it settles. */
  guard<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.add(reject);
      promise.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }
}
