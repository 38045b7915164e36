import { vi } from 'vitest';

/**
 * The few browser classes that a decoded picture is made of, as plain pixels. They stand in for a browser's decoder and
 * canvas only; everything that is tested runs unchanged on top.
 */
class PixelImage {
  get [Symbol.toStringTag]() {
    return 'ImageData';
  }

  constructor(
    readonly data: Uint8ClampedArray,
    readonly width: number,
    readonly height: number,
  ) {}
}

/** What a picture is made of. */
type Pixels = Pick<PixelImage, 'data' | 'width' | 'height'>;

/** Bitmaps and frames that were made and not yet closed. */
export const open = new Set<PixelImage>();

class PixelBitmap extends PixelImage {
  override get [Symbol.toStringTag]() {
    return 'ImageBitmap';
  }

  close(): void {
    open.delete(this);
  }
}

/** A frame of a video, made from what the video shows; each clone is closed by itself. */
export class PixelFrame extends PixelImage {
  override get [Symbol.toStringTag]() {
    return 'VideoFrame';
  }

  readonly displayWidth = this.width;
  readonly displayHeight = this.height;
  readonly visibleRect = { width: this.width, height: this.height };

  constructor({ data, width, height }: Pixels) {
    super(data, width, height);
    open.add(this);
  }

  clone(): PixelFrame {
    return new PixelFrame(this);
  }

  close(): void {
    open.delete(this);
  }
}

/** The same, made of what the browser's own is made of: a picture, or bytes and their size. */
class AnyFrame extends PixelFrame {
  constructor(source: Pixels | Uint8Array, size?: VideoFrameBufferInit) {
    const bytes = source instanceof Uint8Array && size;
    super(
      bytes
        ? { data: Uint8ClampedArray.from(source), width: size.codedWidth, height: size.codedHeight }
        : (source as Pixels),
    );
  }
}

class PixelCanvas {
  readonly #data: Uint8ClampedArray;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.#data = new Uint8ClampedArray(4 * width * height);
  }

  getContext() {
    return {
      /** Where the picture's corner comes to lie; or a part of it, which is drawn at its own size, and where that does. */
      drawImage: (image: PixelImage, ...place: number[]) => {
        const [partLeft = 0, partTop = 0] = place.length > 2 ? place : [];
        const [x0 = 0, y0 = 0] = place.length > 2 ? place.slice(4) : place;
        const [left, top] = [x0 - partLeft, y0 - partTop];
        for (let y = 0; y < this.height; y++) {
          for (let x = 0; x < this.width; x++) {
            const [column, row] = [x - left, y - top];
            if (column < 0 || row < 0 || column >= image.width || row >= image.height) continue;
            const from = 4 * (row * image.width + column);
            this.#data.set(image.data.subarray(from, from + 4), 4 * (y * this.width + x));
          }
        }
      },
      getImageData: () => new PixelImage(this.#data.slice(), this.width, this.height),
    };
  }
}

/** A video that shows a frame when it is told to. */
export class PixelVideo extends EventTarget {
  get [Symbol.toStringTag]() {
    return 'HTMLVideoElement';
  }

  readonly readyState = 4;
  ended = false;
  data = new Uint8ClampedArray();
  width = 0;
  height = 0;
  /** Callbacks that wait for a frame. */
  readonly waiting = new Map<number, (now: number, metadata: { mediaTime: number }) => void>();
  #handles = 0;

  requestVideoFrameCallback(callback: (now: number, metadata: { mediaTime: number }) => void): number {
    this.waiting.set(++this.#handles, callback);
    return this.#handles;
  }

  cancelVideoFrameCallback(handle: number): void {
    this.waiting.delete(handle);
  }

  /** Shows a frame, as browsers do: each request is answered once. */
  show(frame: Pixels, mediaTime: number): void {
    Object.assign(this, { data: frame.data, width: frame.width, height: frame.height });
    const callbacks = [...this.waiting.values()];
    this.waiting.clear();
    for (const callback of callbacks) callback(0, { mediaTime });
  }

  end(): void {
    this.ended = true;
    this.dispatchEvent(new Event('ended'));
  }

  get element(): HTMLVideoElement {
    return this as unknown as HTMLVideoElement;
  }
}

/** Puts the stand-ins in place; `vi.unstubAllGlobals()` removes them. */
export function stubCanvas(): void {
  vi.stubGlobal('ImageData', PixelImage);
  vi.stubGlobal('ImageBitmap', PixelBitmap);
  vi.stubGlobal('OffscreenCanvas', PixelCanvas);
  vi.stubGlobal('HTMLVideoElement', PixelVideo);
  vi.stubGlobal('VideoFrame', AnyFrame);
  vi.stubGlobal('createImageBitmap', async ({ data, width, height }: PixelImage) => {
    const bitmap = new PixelBitmap(data.slice(), width, height);
    open.add(bitmap);
    return bitmap;
  });
}

/** A picture as the page would hand it in; needs {@link stubCanvas}. */
export const imageData = (data: Uint8ClampedArray, width: number, height: number): ImageData =>
  new PixelImage(data, width, height) as unknown as ImageData;
