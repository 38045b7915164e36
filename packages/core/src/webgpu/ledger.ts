/** Creates buffers and counts the bytes that are alive, so that a leak is a number that a test can see. */
export class BufferLedger {
  readonly #device: GPUDevice;
  readonly #alive = new Set<GPUBuffer>();
  #bytes = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Bytes of all buffers created and not yet destroyed. */
  get bytes(): number {
    return this.#bytes;
  }

  create(descriptor: GPUBufferDescriptor): GPUBuffer {
    const buffer = this.#device.createBuffer(descriptor);
    this.#alive.add(buffer);
    this.#bytes += buffer.size;
    return buffer;
  }

  /** Destroys every buffer that is alive. */
  clear(): void {
    for (const buffer of this.#alive) buffer.destroy();
    this.#alive.clear();
    this.#bytes = 0;
  }
}
