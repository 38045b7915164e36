import { InvalidInputError } from '@swinface/core';
import {
  type Box,
  CROP_SIZE,
  checkBox,
  describeValue,
  isObject,
  requireInput,
  requireNumbers,
} from '@swinface/geometry';
import { firstNonFinite } from '../numeric.js';
import type { FaceQuality, QualityHint } from '../stream/types.js';
import type { HeadPose } from '../types.js';

/** RGBA pixels row by row; `ImageData` is one. */
export interface Pixels {
  readonly data: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
}

/** What {@link faceQuality} judges. */
export interface QualityInput {
  /** In pixels of the source. */
  readonly box: Box;
  readonly pose: HeadPose;
  /** The aligned crop that the network sees, 112 x 112; without it sharpness and brightness are left out. */
  readonly crop?: Pixels;
  /** As `FaceAnalysis` has it. */
  readonly recognisability?: number;
}

/** Of the crop, what is left out at each edge: mostly hair and background. */
const MARGIN = CROP_SIZE / 8;

// Where each part begins and ends to matter. All but the angle were set on 150 faces of LFW, disturbed in steps: at a part
// of one half, the default weights' embedding has a cosine of 0.7 to 0.87 with that of the undisturbed picture, at 0.1 of
// 0.4 to 0.7 (medians; strangers have 0.24).
/** Longer side of the face's box in source pixels, on a logarithmic scale. */
const SIDE = { none: 16, full: 64 };
/** Degrees off the camera. */
const ANGLE = { full: 15, none: 55 };
/** Variance of the Laplacian over variance of the luma, which no change of light or contrast touches; logarithmic. */
const SHARPNESS = { none: 0.002, full: 0.04 };
/** What rounding three channels to bytes adds to the variance of the Laplacian; in the dark it would pass for detail. */
const ROUNDING = (20 / 12) * (0.299 ** 2 + 0.587 ** 2 + 0.114 ** 2);
/** Luma of the brightest tenth: reflexes and eye whites, which good light shows on skin of every tone. */
const DARKNESS = { none: 30, full: 130 };
/** Share of pixels burnt out (luma from 250). */
const BURNT = { full: 0.03, none: 0.6 };
/** Luma of the darkest tenth: pupils, nostrils, brows. */
const HAZE = { full: 120, none: 220 };

/**
 * How well a face can be recognised from this picture: size, direction, blur, light and what the network makes of it, each
 * 0..1, and what to do about it.
 *
 * @throws {InvalidInputError} if the box or pose is not finite, or the crop not 112 x 112 RGBA
 */
export function faceQuality(input: QualityInput): FaceQuality {
  requireInput(isObject(input), 'The argument of faceQuality', 'an object with box and pose', input);
  const { box, pose, crop, recognisability } = input;
  requireNumbers('The pose of a face', pose, ['yaw', 'pitch', 'roll']);
  checkBox(box);
  const angle = angleToCamera(pose);
  const size = logarithmicRamp(Math.max(box.width, box.height), SIDE);
  const towards = ramp(angle, ANGLE);
  const seen = crop && lookAt(crop);
  const light = seen && Math.min(seen.dark, seen.bright);
  const parts: (readonly [QualityHint, number])[] = [
    ['too-small', size],
    ['turn-to-camera', towards],
  ];
  if (seen) parts.push(['blurred', seen.sharpness], ['too-dark', seen.dark], ['too-bright', seen.bright]);
  return {
    score: size * towards * (seen?.sharpness ?? 1) * (light ?? 1) * (recognisability ?? 1),
    size,
    pose: towards,
    ...(seen && light !== undefined && { sharpness: seen.sharpness, brightness: light }),
    ...(recognisability !== undefined && { recognisability }),
    hints: [
      ...parts
        .filter(([, value]) => value < 0.5)
        .sort((a, b) => a[1] - b[1])
        .map(([hint]) => hint),
      ...(recognisability !== undefined && recognisability < 0.5 ? (['unrecognisable'] as const) : []),
    ],
  };
}

/** Degrees between where the nose points and the camera. */
function angleToCamera({ yaw, pitch, roll }: HeadPose): number {
  if (firstNonFinite([yaw, pitch, roll]) >= 0) {
    throw new InvalidInputError('The pose of a face is not usable.', { expected: 'finite angles in degrees' });
  }
  const radians = Math.PI / 180;
  return Math.acos(clamp01(Math.cos(yaw * radians) * Math.cos(pitch * radians))) / radians;
}

function lookAt(crop: Pixels): { sharpness: number; dark: number; bright: number } {
  requireInput(isObject(crop), 'The crop of a face', 'an object with data, width and height', crop);
  const { data, width, height } = crop;
  const isList = Array.isArray(data) || ArrayBuffer.isView(data);
  requireInput(isList, 'The data of a crop', 'a Uint8ClampedArray', data);
  if (width !== CROP_SIZE || height !== CROP_SIZE || data.length !== CROP_SIZE * CROP_SIZE * 4) {
    throw new InvalidInputError('The crop of a face is not usable.', {
      expected: `RGBA pixels of ${CROP_SIZE} x ${CROP_SIZE}`,
      actual: `${data.length} values of ${describeValue(width)} x ${describeValue(height)}`,
    });
  }
  const luma = new Float64Array(CROP_SIZE * CROP_SIZE);
  for (let i = 0; i < luma.length; i++) {
    // Rec. 601, as cameras and JPEG have it.
    luma[i] = 0.299 * (data[4 * i] ?? 0) + 0.587 * (data[4 * i + 1] ?? 0) + 0.114 * (data[4 * i + 2] ?? 0);
  }
  const side = CROP_SIZE - 2 * MARGIN;
  const [values, edges] = [new Float64Array(side * side), new Float64Array(side * side)];
  for (let i = 0; i < values.length; i++) {
    const at = (MARGIN + Math.floor(i / side)) * CROP_SIZE + MARGIN + (i % side);
    const value = luma[at] as number;
    values[i] = value;
    edges[i] =
      (luma[at - 1] as number) +
      (luma[at + 1] as number) +
      (luma[at - CROP_SIZE] as number) +
      (luma[at + CROP_SIZE] as number) -
      4 * value;
  }
  const spread = variance(values);
  const sorted = values.sort();
  const burnt = sorted.filter((value) => value >= 250).length / sorted.length;
  return {
    sharpness: spread > 1 ? logarithmicRamp((variance(edges) - ROUNDING) / spread, SHARPNESS) : 0,
    dark: ramp(sorted[Math.floor(0.9 * sorted.length)] as number, DARKNESS),
    bright: Math.min(ramp(burnt, BURNT), ramp(sorted[Math.floor(0.1 * sorted.length)] as number, HAZE)),
  };
}

function variance(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
}

const clamp01 = (value: number): number => Math.min(1, Math.max(0, value));

interface Ends {
  readonly none: number;
  readonly full: number;
}

/** 0 at `none` and beyond, 1 at `full` and beyond, straight in between; either may be the larger. */
const ramp = (value: number, { none, full }: Ends): number => clamp01((value - none) / (full - none));

const logarithmicRamp = (value: number, { none, full }: Ends): number =>
  ramp(Math.log(Math.max(value, 1e-9)), { none: Math.log(none), full: Math.log(full) });
