import { WeightsInvalidError } from '../../errors.js';

/** Smaller chunks are gathered into blocks of this size: a server may send single bytes, and each costs more as an object. */
const BLOCK_BYTES = 64 * 2 ** 10;

/** What has arrived of a file, over as many responses as it takes. */
export class PartialBody {
  readonly #url: URL;
  readonly #limit: number;
  #chunks: Uint8Array[] = [];
  #block = new Uint8Array(0);
  #gathered = 0;
  #size = 0;
  #most = 0;
  #received = 0;
  #etag: string | undefined;

  /** @param limit bytes from which on the file is something else */
  constructor(url: URL, limit: number) {
    this.#url = url;
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** The most that was here at any time. */
  get most(): number {
    return this.#most;
  }

  /** All bytes that came, those that were forgotten among them. */
  get received(): number {
    return this.#received;
  }

  /** Forgets what came so far: `response` starts at the first byte. */
  restart(response?: Response): void {
    this.#chunks = [];
    this.#gathered = 0;
    this.#size = 0;
    const etag = response?.headers.get('etag');
    // A weak validator says "equivalent", not "the same bytes", and must not be used for ranges (RFC 9110, 13.1.5).
    this.#etag = etag?.startsWith('"') ? etag : undefined;
  }

  /** Headers that ask for the rest; none where there is nothing yet. */
  headersForRest(): Record<string, string> {
    if (this.#size === 0) return {};
    return { Range: `bytes=${this.#size}-`, ...(this.#etag === undefined ? {} : { 'If-Range': this.#etag }) };
  }

  /** Whether a partial response goes on exactly where this ends. Other origins may hide where it starts: the hash decides then. */
  isContinuedBy({ headers }: Response): boolean {
    if (headers.has('content-encoding')) return false; // Its offsets would count encoded bytes, ours are decoded.
    const range = headers.get('content-range');
    return range === null || range.startsWith(`bytes ${this.#size}-`);
  }

  /** @throws {WeightsInvalidError} past the limit */
  append(chunk: Uint8Array): void {
    if (this.#size + chunk.length > this.#limit) {
      throw new WeightsInvalidError(`${this.#url.href} is longer than it should be.`, {
        expected: `at most ${this.#limit} bytes`,
        actual: 'more',
      });
    }
    if (this.#gathered + chunk.length > BLOCK_BYTES) this.#closeBlock();
    if (chunk.length >= BLOCK_BYTES) this.#chunks.push(chunk);
    else {
      if (this.#block.length === 0) this.#block = new Uint8Array(BLOCK_BYTES);
      this.#block.set(chunk, this.#gathered);
      this.#gathered += chunk.length;
    }
    this.#size += chunk.length;
    this.#received += chunk.length;
    this.#most = Math.max(this.#most, this.#size);
  }

  #closeBlock(): void {
    if (this.#gathered > 0) this.#chunks.push(this.#block.slice(0, this.#gathered));
    this.#gathered = 0;
  }

  /** All bytes in one piece; nothing is kept. */
  take(): Uint8Array {
    this.#closeBlock();
    const bytes = new Uint8Array(this.#size);
    let offset = 0;
    for (const chunk of this.#chunks.splice(0)) {
      bytes.set(chunk, offset);
      offset += chunk.length;
    }
    return bytes;
  }
}
