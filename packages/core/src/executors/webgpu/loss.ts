import { DeviceLostError } from '../../errors.js';

/** Milliseconds. */
const PATIENCE = 3_000;

/** Remembers that a device was lost, and rejects what is waiting for it at that moment. */
export class LossWatch {
  readonly #waiting = new Set<(error: DeviceLostError) => void>();
  readonly #lost: Promise<void>;
  #error: DeviceLostError | undefined;

  constructor(device: GPUDevice) {
    this.#lost = device.lost.then(({ reason, message }) => {
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

  /**
   * Waits for the device to say that it is lost, which it does after what was under way has failed of it, and in some
   * browsers by a message from another process; not longer than is usual.
   *
   * @throws {DeviceLostError} if the device is lost
   */
  async afterFailure(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE);
    });
    await Promise.race([this.#lost, late]);
    clearTimeout(timer);
    this.assertAlive();
  }

  /** The promise, or a {@link DeviceLostError} if the device is lost first. Leaves nothing behind when it settles. */
  guard<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.add(reject);
      promise.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }
}
