import { DisposedError } from '../../errors.js';

/** Creates buffers and counts the bytes that are alive, so that a leak is a number that a test can see. */
export class BufferLedger {
  readonly #device: GPUDevice;
  readonly #alive = new Set<GPUBuffer>();
  #bytes = 0;
  #closed = false;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Bytes of all buffers created and not yet destroyed. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @throws {DisposedError} once cleared: nothing would destroy what is created then */
  assertOpen(): void {
    if (this.#closed) throw new DisposedError('The network was disposed.');
  }

  /** @throws {DisposedError} once cleared */
  create(descriptor: GPUBufferDescriptor): GPUBuffer {
    this.assertOpen();
    const buffer = this.#device.createBuffer(descriptor);
    this.#alive.add(buffer);
    this.#bytes += buffer.size;
    return buffer;
  }

  /** Destroys every buffer that is alive; no more are created. */
  clear(): void {
    this.#closed = true;
    for (const buffer of this.#alive) buffer.destroy();
    this.#alive.clear();
    this.#bytes = 0;
  }
}
