import { ACTION_UNITS } from '../tasks/heads.js';

type Blendshapes = Readonly<Record<string, number>>;

/** A coefficient of this size is taken for a unit that is fully there; beyond it, MediaPipe's seldom go. */
const FULL = 0.5;

const both = (name: string) => (shapes: Blendshapes) =>
  ((shapes[`${name}Left`] ?? 0) + (shapes[`${name}Right`] ?? 0)) / 2;
const one = (name: string) => (shapes: Blendshapes) => shapes[name] ?? 0;

/**
 * How strongly each action unit shows, computed from MediaPipe's 52 blendshapes. The two vocabularies differ: where no
 * blendshape is the unit itself, the comment says what stands in. Pseudo-labels, never checked by a FACS coder.
 */
const READINGS: Readonly<Record<(typeof ACTION_UNITS)[number], (shapes: Blendshapes) => number>> = {
  1: one('browInnerUp'),
  2: both('browOuterUp'),
  4: both('browDown'),
  5: both('eyeWide'),
  // cheekSquint is always near zero in MediaPipe: raised cheeks are inferred from squinting while smiling.
  6: (shapes) => Math.max(both('cheekSquint')(shapes), Math.min(both('eyeSquint')(shapes), both('mouthSmile')(shapes))),
  7: both('eyeSquint'),
  9: both('noseSneer'),
  10: both('mouthUpperUp'),
  // No blendshape deepens the nasolabial fold alone: an upper lip raised together with the nose's wings.
  11: (shapes) => Math.min(both('mouthUpperUp')(shapes), both('noseSneer')(shapes)),
  12: both('mouthSmile'),
  15: both('mouthFrown'),
  17: one('mouthShrugLower'),
  20: both('mouthStretch'),
  // Tight lips roll inwards.
  23: (shapes) => (one('mouthRollLower')(shapes) + one('mouthRollUpper')(shapes)) / 2,
  24: both('mouthPress'),
  // Lips part when the jaw opens behind open lips, or the lower lip is drawn down.
  25: (shapes) => Math.max(one('jawOpen')(shapes) - one('mouthClose')(shapes), both('mouthLowerDown')(shapes)),
  26: one('jawOpen'),
};

/**
 * Pseudo-labels of the 17 action units, in the order of `ACTION_UNITS`.
 *
 * @param blendshapes MediaPipe's coefficients in 0..1 by name
 * @returns 0 (absent) to 1 (fully there), three decimals
 */
export const actionUnits = (blendshapes: Blendshapes): number[] =>
  ACTION_UNITS.map((unit) => {
    const strength = Math.min(1, Math.max(0, READINGS[unit](blendshapes) / FULL));
    return Math.round(1000 * strength) / 1000;
  });
