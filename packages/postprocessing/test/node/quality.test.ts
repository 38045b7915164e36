import { InvalidInputError } from '@swinface/core';
import { QUALITY_HINTS } from '@swinface/postprocessing';
import { faceQuality, type QualityInput } from '@swinface/postprocessing/quality';
import { describe, expect, it } from 'vitest';
import { blurred, drawnFace, relit } from '../support/drawn-face.js';

const good: Required<QualityInput> = {
  box: { x: 10, y: 10, width: 90, height: 120 },
  pose: { yaw: 0, pitch: 0, roll: 0 },
  crop: drawnFace(),
  recognisability: 1,
};
const judge = (change: Partial<QualityInput>) => faceQuality({ ...good, ...change });
const sized = (side: number) => ({ box: { x: 0, y: 0, width: 0.8 * side, height: side } });
const posed = (yaw: number, pitch = 0, roll = 0) => ({ pose: { yaw, pitch, roll } });
const lit = (change: (value: number) => number) => ({ crop: relit(good.crop, change) });

/** Each disturbance from none to ruin, the part it must lower, and the hint it must give in the end, alone. */
const disturbances = {
  size: { steps: [90, 64, 50, 40, 30, 24, 18, 12].map(sized), hint: 'too-small' },
  yaw: { steps: [0, 10, 20, 30, 40, 50, 60, 90].map((yaw) => posed(yaw)), hint: 'turn-to-camera' },
  pitch: { steps: [0, -10, -20, -30, -40, -50, -60].map((pitch) => posed(0, pitch)), hint: 'turn-to-camera' },
  blur: { steps: [0, 1, 2, 2.5, 3, 4, 6, 9].map((sigma) => ({ crop: blurred(good.crop, sigma) })), hint: 'blurred' },
  dark: { steps: [1, 0.7, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1].map((gain) => lit((v) => v * gain)), hint: 'too-dark' },
  glare: { steps: [1, 1.2, 1.4, 1.5, 1.6, 1.8, 2.2, 3].map((gain) => lit((v) => v * gain)), hint: 'too-bright' },
  haze: {
    steps: [0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9].map((share) => lit((v) => v * (1 - share) + 240 * share)),
    hint: 'too-bright',
  },
} as const;

describe('faceQuality', () => {
  it('finds nothing wrong with a good picture', () => {
    const parts = { size: 1, pose: 1, sharpness: 1, brightness: 1, recognisability: 1 };
    expect(faceQuality(good)).toEqual({ score: 1, ...parts, hints: [] });
    expect(judge(posed(0, 0, 80)).score, 'roll is undone by the alignment').toBe(1);
  });

  it.each(Object.entries(disturbances))('falls with %s and never rises, and says why', (_, { steps, hint }) => {
    const judged = steps.map(judge);
    const scores = judged.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(scores[0]).toBe(1);
    expect(scores.at(-1)).toBeLessThan(0.1);
    expect(new Set(scores).size, 'steps that can be told apart').toBeGreaterThan(steps.length / 2);
    expect(judged[0]?.hints).toEqual([]);
    expect(judged.at(-1)?.hints).toEqual([hint]);
  });

  it('keeps blur and light apart', () => {
    const sharpness = (gain: number) => judge({ crop: relit(blurred(good.crop, 2), (v) => v * gain) }).sharpness ?? NaN;
    // Rounding to bytes twice is not quite noise: up to 0.074 apart at a gain of 0.3.
    for (const gain of [0.3, 0.5, 0.8]) expect(Math.abs(sharpness(gain) - sharpness(1))).toBeLessThan(0.1);
    expect(judge({ crop: blurred(good.crop, 4) }).brightness).toBeGreaterThan(0.9);
  });

  it('takes no skin tone for bad light', () => {
    for (const skin of [60, 90, 130, 170, 210]) {
      expect(judge({ crop: drawnFace(skin) }).hints, `skin of luma ${skin}`).toEqual([]);
    }
  });

  it('multiplies parts and names the worst first', () => {
    const quality = judge({ ...sized(24), ...posed(50), crop: blurred(good.crop, 2.5) });
    const { score, size, pose, sharpness = 0, brightness = 0 } = quality;
    expect(score).toBeCloseTo(size * pose * sharpness * brightness, 12);
    const worst = [
      ['too-small', size],
      ['turn-to-camera', pose],
      ['blurred', sharpness],
    ] as const;
    expect(quality.hints).toEqual([...worst].sort((a, b) => a[1] - b[1]).map(([hint]) => hint));
  });

  it('judges without pixels what can be judged', () => {
    const { box, pose } = good;
    expect(faceQuality({ box, pose })).toEqual({ score: 1, size: 1, pose: 1, hints: [] });
  });

  it('calls a flat picture blurred', () => {
    expect(judge(lit(() => 128)).hints).toEqual(['blurred']);
  });

  it('takes in what the network makes of the face, and names it last', () => {
    const covered = judge({ recognisability: 0.2 });
    expect(covered).toMatchObject({ score: 0.2, recognisability: 0.2, hints: ['unrecognisable'] });
    expect(judge({ ...sized(24), recognisability: 0 }).hints).toEqual(['too-small', 'unrecognisable']);
    expect(judge({ recognisability: 0.5 }).hints).toEqual([]);
  });

  it('has a sentence for every hint', () => {
    const hints = new Set([...Object.values(disturbances).map(({ hint }) => hint), 'unrecognisable' as const]);
    for (const hint of hints) expect(QUALITY_HINTS[hint]).toMatch(/^The .+: .+\.$/);
    expect(Object.keys(QUALITY_HINTS)).toHaveLength(hints.size);
  });

  it('refuses what it cannot judge', () => {
    expect(() => judge(sized(0))).toThrow(InvalidInputError);
    expect(() => judge(posed(Number.NaN))).toThrow(InvalidInputError);
    expect(() => judge({ crop: { data: new Uint8Array(4), width: 1, height: 1 } })).toThrow(/112 x 112/);
  });
});
