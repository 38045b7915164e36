import { readableCanvas } from '../canvas.js';

let known: boolean | undefined;

/**
 * Whether `drawImage` takes the part of a VideoFrame that it is asked for. WebKit (2.50) draws all of the frame instead, so
 * that every face would be looked for in a picture shrunk into its box.
 */
export function drawsPartsOfFrames(): boolean {
  known ??= tryPart();
  return known;
}

/** Draws the right half of a frame whose halves are black and white. */
function tryPart(): boolean {
  const halves = Uint8Array.of(0, 0, 0, 255, 255, 255, 255, 255);
  const frame = new VideoFrame(halves, { format: 'RGBA', codedWidth: 2, codedHeight: 1, timestamp: 0 });
  const context = readableCanvas(1, 1);
  context.drawImage(frame, 1, 0, 1, 1, 0, 0, 1, 1);
  frame.close();
  return context.getImageData(0, 0, 1, 1).data[0] === 255;
}
