import type { BufferLedger } from './ledger.js';

/** Mappable buffers of one size. A run takes one for itself, so that runs may overlap; most of the time there is one. */
export class StagingPool {
  readonly #ledger: BufferLedger;
  readonly #size: number;
  readonly #idle: GPUBuffer[] = [];

  constructor(ledger: BufferLedger, size: number) {
    this.#ledger = ledger;
    this.#size = size;
  }

  take(): GPUBuffer {
    return (
      this.#idle.pop() ??
      this.#ledger.create({
        label: 'staging',
        size: this.#size,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      })
    );
  }

  /** Takes back an unmapped buffer. */
  give(buffer: GPUBuffer): void {
    this.#idle.push(buffer);
  }
}
