import type { QualityHint } from './types.js';

/** Each hint as a sentence to show. */
export const QUALITY_HINTS: Readonly<Record<QualityHint, string>> = {
  'too-small': 'The face is too small: come closer.',
  'too-dark': 'The face is too dark: turn to the light.',
  'too-bright': 'The face is too bright: turn away from the light.',
  blurred: 'The picture is blurred: hold still and clean the lens.',
  'turn-to-camera': 'The face is turned away: look at the camera.',
  unrecognisable: 'The face cannot be told from others here: uncover it, or take a better picture.',
};
