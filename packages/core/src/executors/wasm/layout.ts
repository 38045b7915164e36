/** Vectors are loaded whole. */
const ALIGNMENT = 16;
const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Bytes that hold no value. */
interface Hole {
  readonly offset: number;
  bytes: number;
}

/** Something with a place in the wasm memory, known once {@link Layout.place} has run. */
export interface Region {
  readonly bytes: number;
  /** Bytes from the start of its zone. */
  readonly offset: number;
  readonly zone: 'constants' | 'activations';
}

/** Numbers that are written once, part by part, so that writing can make way for others. */
export interface ConstantRegion extends Region {
  readonly parts: number;
  fill(target: DataView, part: number): void;
}

/** Deals out addresses: constants one after another, activations in whatever is free at the time. */
export class Layout {
  readonly constants: ConstantRegion[] = [];
  #constantBytes = 0;
  #activationBytes = 0;
  #free: Hole[] = [];

  /** @param fill writes one part of the region, which is zero before */
  constant(bytes: number, fill: (target: DataView, part: number) => void, parts = 1): Region {
    const region: ConstantRegion = { bytes, offset: this.#constantBytes, zone: 'constants', parts, fill };
    this.#constantBytes += aligned(bytes);
    this.constants.push(region);
    return region;
  }

  /** A place for an activation until it is {@link release}d: the smallest hole that it fits, or new ground. */
  activation(bytes: number): Region {
    const need = aligned(bytes);
    const holes = this.#free.filter((hole) => hole.bytes >= need).sort((a, b) => a.bytes - b.bytes);
    const [hole] = holes;
    if (!hole) {
      const offset = this.#activationBytes;
      this.#activationBytes += need;
      return { bytes, offset, zone: 'activations' };
    }
    this.#free = this.#free.filter((other) => other !== hole);
    if (hole.bytes > need) this.#free.push({ offset: hole.offset + need, bytes: hole.bytes - need });
    return { bytes, offset: hole.offset, zone: 'activations' };
  }

  release({ offset, bytes }: Region): void {
    this.#free.push({ offset, bytes: aligned(bytes) });
    // Neighbouring holes are one.
    this.#free.sort((a, b) => a.offset - b.offset);
    const joined: Hole[] = [];
    for (const hole of this.#free) {
      const before = joined[joined.length - 1];
      if (before && before.offset + before.bytes === hole.offset) before.bytes += hole.bytes;
      else joined.push(hole);
    }
    this.#free = joined;
  }

  /** Where each zone starts, and how many bytes there are in all. Address 0 stays unused, since it means "none". */
  place(): Placement {
    const constants = ALIGNMENT;
    const activations = constants + this.#constantBytes;
    const bytes = activations + this.#activationBytes;
    return {
      addressOf: ({ zone, offset }) => (zone === 'constants' ? constants : activations) + offset,
      constantBytes: this.#constantBytes,
      activationBytes: this.#activationBytes,
      bytes,
    };
  }
}

/** Addresses of everything a {@link Layout} dealt out. */
export interface Placement {
  addressOf(region: Region): number;
  readonly constantBytes: number;
  readonly activationBytes: number;
  /** First address that is free. */
  readonly bytes: number;
}
