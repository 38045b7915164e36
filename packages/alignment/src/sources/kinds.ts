import { isBranded } from '@swinface/geometry';

/** Everything that pixels can be taken from, by the brand that the browser gives it. */
interface SourceKinds {
  Blob: Blob;
  File: File;
  HTMLImageElement: HTMLImageElement;
  HTMLCanvasElement: HTMLCanvasElement;
  HTMLVideoElement: HTMLVideoElement;
  OffscreenCanvas: OffscreenCanvas;
  ImageBitmap: ImageBitmap;
  ImageData: ImageData;
  VideoFrame: VideoFrame;
}

/** A picture as a page can have it. */
export type PixelSource = SourceKinds[keyof SourceKinds];

/**
 * Whether a value is of a kind, judged by its brand: unlike `instanceof` that also holds for objects of other windows,
 * and where the class does not exist (workers have no elements, Node has none of them).
 */
export function isKind<K extends keyof SourceKinds>(name: K, value: unknown): value is SourceKinds[K] {
  return isBranded(value, name);
}

/** A picture in a few words, or undefined if it is of no kind that is accepted. */
export function describeSource(source: unknown): string | undefined {
  if (isKind('Blob', source) || isKind('File', source)) {
    if (source.size === 0) return 'an empty file';
    const name = isKind('File', source) ? ` "${source.name}"` : '';
    return `a file${name} of type "${source.type || 'unknown'}", ${source.size} bytes`;
  }
  if (isKind('HTMLVideoElement', source)) return `a video element of ${source.videoWidth} x ${source.videoHeight}`;
  if (isKind('HTMLImageElement', source)) return `an image element of ${source.naturalWidth} x ${source.naturalHeight}`;
  if (isKind('VideoFrame', source)) return `a VideoFrame of ${source.displayWidth} x ${source.displayHeight}`;
  for (const name of ['ImageBitmap', 'ImageData', 'HTMLCanvasElement', 'OffscreenCanvas'] as const) {
    if (isKind(name, source)) return `an ${name} of ${source.width} x ${source.height}`;
  }
  return undefined;
}
