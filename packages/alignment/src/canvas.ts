import { UnsupportedDeviceError } from '@swinface/core';

/** Something to draw on. */
export type Canvas2D = OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D;

const READABLE: CanvasRenderingContext2DSettings = { alpha: false, willReadFrequently: true };

/**
 * An opaque black canvas that lives on the CPU, because it is read back.
 *
 * @throws {UnsupportedDeviceError} if there is none to be had
 */
export function readableCanvas(width: number, height: number): Canvas2D {
  const context =
    typeof OffscreenCanvas === 'function'
      ? new OffscreenCanvas(width, height).getContext('2d', READABLE)
      : canvasOfPage(width, height)?.getContext('2d', READABLE);
  if (!context) throw new UnsupportedDeviceError('This browser gave no 2D canvas.');
  return context;
}

/** Workers have none. */
function canvasOfPage(width: number, height: number): HTMLCanvasElement | undefined {
  const canvas = globalThis.document?.createElement('canvas');
  if (canvas) [canvas.width, canvas.height] = [width, height];
  return canvas;
}
