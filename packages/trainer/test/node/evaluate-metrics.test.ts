import { describe, expect, it } from 'vitest';
import { type FaceSample, parseSample } from '../../src/data/samples.js';
import { ageReport } from '../../src/evaluate/age.js';
import { ageAnswers, raceAnswers } from '../../src/evaluate/answers.js';
import { crossEntropy, fitAgeIntervals, fitTemperature, fitThreshold } from '../../src/evaluate/calibrate.js';
import { attributesReport, classReport } from '../../src/evaluate/classification.js';
import { ageBand, groupReports } from '../../src/evaluate/groups.js';
import { type PairList, parsePairs } from '../../src/evaluate/pairs.js';
import { bootstrapMean, clusteredShare, quantile, share } from '../../src/evaluate/statistics.js';
import { bestThreshold, errorRates, foldAccuracy, rateTable, roc } from '../../src/evaluate/verification.js';
import { HEADS } from '../../src/tasks/heads.js';

const rows = (...values: number[]) => Float32Array.from(values);

describe('statistics', () => {
  it("gives Wilson's interval", () => {
    // 8 of 10: centre (0.8 + 0.19207) / 1.38415, half-width 0.22656 (Newcombe 1998 prints 0.4902 to 0.9433).
    const { value, low, high } = share(8, 10);
    expect(value).toBe(0.8);
    expect(low).toBeCloseTo(0.4902, 4);
    expect(high).toBeCloseTo(0.9433, 4);
    for (const count of [5, 341, 6137, 21383]) {
      expect(share(0, count).low).toBe(0);
      expect(share(count, count).high).toBe(1);
    }
  });

  it('bootstraps a mean: the interval of n normal values is about 1.96 / sqrt(n) wide on either side', () => {
    const values = Array.from({ length: 2000 }, (_, i) => (i % 2 === 0 ? -1 : 1));
    const { value, low, high } = bootstrapMean(values);
    expect(value).toBe(0);
    // Standard deviation 1, so 0.0438; a thousand resamples give it to about 10 %.
    expect(high).toBeGreaterThan(0.035);
    expect(high).toBeLessThan(0.053);
    expect(low).toBeLessThan(-0.035);
    expect(bootstrapMean([3]).low).toBe(3);
  });

  it('takes the conformal rank of a quantile', () => {
    // ceil(10 * 0.8) = 8th of nine values.
    expect(quantile([9, 8, 7, 6, 5, 4, 3, 2, 1], 0.8)).toBe(8);
    expect(quantile([1, 2], 0.8)).toBe(2);
  });

  it('widens the interval of a share that hangs on few persons', () => {
    // Forty items, a quarter found: one item a person, or ten a person and all of one person's found.
    const each = clusteredShare(
      Float64Array.from({ length: 40 }, (_, i) => (i < 10 ? 1 : 0)),
      new Float64Array(40).fill(1),
      1,
    );
    const lumped = clusteredShare(Float64Array.of(10, 0, 0, 0), new Float64Array(4).fill(10), 1);
    expect([each.value, lumped.value, each.count, lumped.count]).toEqual([0.25, 0.25, 40, 40]);
    // Independent items: the variance p (1 - p) / 39 of the jackknife is that of 39 items.
    expect(each.low).toBeCloseTo(share(0.25 * 39, 39).low, 6);
    // Leaving out the one gives 0, any other a third: variance 3/4 * (3/16 / 9 + ... ) = 1/16, that of three items.
    expect(lumped.low).toBeCloseTo(share(0.75, 3).low, 6);
    expect(clusteredShare(new Float64Array(2), new Float64Array(2).fill(50), 1)).toEqual(share(0, 100));
  });
});

describe('ageReport', () => {
  it('measures errors of -3, 0, 1 and 6 years', () => {
    const report = ageReport([
      { label: 30, years: 27, low: 20, high: 34 },
      { label: 40, years: 40, low: 41, high: 42 },
      { label: 20, years: 21 },
      { label: 60, years: 66 },
    ]);
    expect(report.meanAbsoluteError.value).toBe(2.5);
    expect(report.meanSquaredError).toBe(46 / 4);
    expect(report.bias).toBe(1);
    // CS(i) counts errors strictly below i.
    expect(report.cumulativeScore.slice(0, 8)).toEqual([0, 0.25, 0.5, 0.5, 0.75, 0.75, 0.75, 1]);
    expect(report.epsilonError).toBeCloseTo(
      (1 - Math.exp(-0.5) + (1 - Math.exp(-1 / 18)) + (1 - Math.exp(-2))) / 4,
      12,
    );
    expect(report.ownSigma).toBe(0);
    expect(report.intervalCoverage).toBe(0.5);
  });

  it("takes the label's own deviation for the epsilon-error, and 3 where there is none", () => {
    const report = ageReport([
      { label: 30, years: 24, sigma: 6 },
      { label: 30, years: 29, sigma: 0.5 },
      { label: 20, years: 23 },
    ]);
    expect(report.epsilonError).toBeCloseTo((1 - Math.exp(-0.5) + (1 - Math.exp(-2)) + (1 - Math.exp(-0.5))) / 3, 12);
    expect(report.ownSigma).toBeCloseTo(2 / 3, 12);
  });

  it('judges a head for studies of bias by the labels of race that it knows', () => {
    const face = (race: string, label: string) => ({
      sample: parseSample(JSON.stringify({ key: 'a', file: 'a.png', race }), 'list:1'),
      analysis: {
        attributes: {},
        attributeProbabilities: {},
        extra: { Race: { kind: 'softmax', label, probabilities: [0.4, 0.3, 0.1, 0.1, 0.1] } as const },
      },
    });
    const faces = [face('white', 'white'), face('black', 'white'), face('black', 'black'), face('martian', 'white')];
    const report = classReport(HEADS.race.task.labels ?? [], raceAnswers(faces));
    expect(report.accuracy).toMatchObject({ value: 2 / 3, count: 3 });
    expect(report.confusion.slice(0, 2)).toEqual([
      [1, 0, 0, 0, 0],
      [1, 1, 0, 0, 0],
    ]);
    const [first] = faces;
    expect(first && raceAnswers([{ ...first, analysis: { ...first.analysis, extra: {} } }])).toEqual([]);
  });

  it('reads the deviation from the list', () => {
    const sample = parseSample('{"key":"a","file":"a.png","age":30,"ageDeviation":4.5}', 'list:1');
    const analysis = { age: { years: 33 }, attributes: {}, attributeProbabilities: {}, extra: {} };
    expect(ageAnswers([{ sample, analysis }])).toEqual([{ label: 30, sigma: 4.5, years: 33 }]);
    expect(() => parseSample('{"key":"a","file":"a.png","age":30,"ageDeviation":0}', 'list:1')).toThrow(/ageDeviation/);
  });
});

describe('classReport', () => {
  it('counts a confusion matrix and its accuracies', () => {
    const answer = (label: number, given: number) => ({ label, answer: given, probabilities: [0.2, 0.7, 0.1] });
    const report = classReport(
      ['a', 'b', 'c'],
      [answer(0, 0), answer(0, 1), answer(1, 1), answer(1, 1), answer(1, 1), answer(1, 0)],
    );
    expect(report.confusion).toEqual([
      [1, 1, 0],
      [1, 3, 0],
      [0, 0, 0],
    ]);
    expect(report.accuracy.value).toBeCloseTo(4 / 6, 12);
    // Recalls 1/2 and 3/4; c has no samples.
    expect(report.balancedAccuracy).toBeCloseTo(0.625, 12);
  });

  it('finds over-confidence: 90 % sure and right half of the time is an error of 0.4', () => {
    const faces = [0, 1, 0, 1].map((label) => ({ label, answer: 0, probabilities: [0.9, 0.1] }));
    const { calibrationError, reliability } = classReport(['a', 'b'], faces);
    expect(calibrationError).toBeCloseTo(0.4, 12);
    expect(reliability[9]).toEqual({ count: 4, confidence: 0.9, accuracy: 0.5 });
  });

  it('averages attributes', () => {
    const yes = { probabilities: [0, 1], answer: 1 };
    const report = attributesReport(
      new Map([
        [
          'Bald',
          [
            { ...yes, label: 1 },
            { ...yes, label: 0 },
            { ...yes, label: 0 },
            { ...yes, label: 0 },
          ],
        ],
        [
          'Smiling',
          [
            { ...yes, label: 1 },
            { ...yes, label: 1 },
          ],
        ],
      ]),
    );
    expect(report.accuracy).toBe((0.25 + 1) / 2);
    expect(report.balancedAccuracy).toBe((0.5 + 1) / 2);
    expect(report.majority).toBe((0.75 + 1) / 2);
  });
});

describe('verification', () => {
  const pair = (similarity: number, same: boolean, fold: number) => ({ similarity, same, fold });

  it('finds the most accurate threshold', () => {
    expect(
      bestThreshold([pair(0.1, false, 0), pair(0.4, false, 0), pair(0.5, true, 0), pair(0.9, true, 0)]),
    ).toBeCloseTo(0.45, 12);
    // One stranger above two acquaintances: giving that one up is best.
    expect(
      bestThreshold([pair(0.8, false, 0), pair(0.1, false, 0), pair(0.5, true, 0), pair(0.6, true, 0)]),
    ).toBeCloseTo(0.3, 12);
  });

  it('judges each fold with the threshold of the others', () => {
    // Fold 0 alone wants 0.5; fold 1 alone wants 0.2. Each is judged at the other's and gets one of two right.
    const pairs = [pair(0.4, false, 0), pair(0.6, true, 0), pair(0.1, false, 1), pair(0.3, true, 1)];
    const result = foldAccuracy(pairs);
    expect(result.accuracy).toBe(0.5);
    expect(result.threshold).toBeCloseTo(0.35, 12);
    expect(result.standardError).toBe(0);
  });

  it('tabulates false matches, as far as the number of strangers allows', () => {
    const impostor = Float32Array.from({ length: 1000 }, (_, i) => i / 1000);
    const genuine = rows(0.95, 0.97, 0.85, 0.5);
    const table = rateTable(genuine, impostor, [0.1, 0.01, 0.001]);
    // 0.001 would rest on a single pair.
    expect(table.map(({ target }) => target)).toEqual([0.1, 0.01]);
    expect(table[0]?.falseMatchRate).toBeCloseTo(0.1, 12);
    expect(table[0]?.threshold).toBeCloseTo(0.8995, 4);
    expect(table[0]?.falseNonMatchRate).toBe(0.5);
    expect(table[1]?.falseMatchRate).toBeCloseTo(0.01, 12);
    expect(table[1]?.falseNonMatchRate).toBe(1);
  });

  it('never exceeds the wanted rate where similarities tie', () => {
    const impostor = Float32Array.from({ length: 100 }, (_, i) => (i < 50 ? 0.2 : 0.6));
    const [point] = rateTable(rows(0.7, 0.6), impostor, [0.3]);
    expect(point?.falseMatchRate).toBe(0);
    expect(point?.falseNonMatchRate).toBe(0.5);
  });

  it('counts matches at or above the threshold', () => {
    expect(errorRates(rows(0.2, 0.5), rows(0.1, 0.5, 0.6, 0.7), 0.5)).toEqual({
      threshold: 0.5,
      falseMatchRate: 0.75,
      falseNonMatchRate: 0.5,
    });
  });

  it('draws a curve on which both errors are monotonic', () => {
    const curve = roc(
      Float32Array.from({ length: 50 }, (_, i) => i / 60 + 0.2),
      Float32Array.from({ length: 500 }, (_, i) => i / 800),
    );
    expect(curve.length).toBeGreaterThan(50);
    for (const [i, point] of curve.entries()) {
      expect(point.falseMatchRate).toBeLessThanOrEqual(curve[i - 1]?.falseMatchRate ?? 1);
      expect(point.falseNonMatchRate).toBeGreaterThanOrEqual(curve[i - 1]?.falseNonMatchRate ?? 0);
    }
  });
});

describe('parsePairs', () => {
  const list = (text: string): PairList => ({ path: 'pairs.txt', text });
  const sample = (identity: string, number: number): FaceSample => ({
    key: '',
    file: '',
    points: null,
    identity,
    number,
  });
  const samples = [sample('Ann', 1), sample('Ann', 2), sample('Bob', 1)];

  it('reads same and different pairs, and counts those it has no image of', () => {
    const { pairs, missing } = parsePairs(list('2\nAnn\t1\t2\nAnn\t1\t3\nAnn\t2\tBob\t1\nBob 1 Ann 0001\n'), samples);
    expect(missing).toBe(1);
    expect(pairs.map(({ first, second, same }) => [first, second, same])).toEqual([
      [0, 1, true],
      [1, 2, false],
      [2, 0, false],
    ]);
  });

  it('gives each tenth of a one-piece list, and each set of a folded one, a fold', () => {
    const same = Array.from({ length: 20 }, () => 'Ann 1 2');
    const other = Array.from({ length: 20 }, () => 'Ann 1 Bob 1');
    const folds = parsePairs(list(['20', ...same, ...other].join('\n')), samples).pairs.map(({ fold }) => fold);
    expect(folds.slice(0, 20)).toEqual(folds.slice(20));
    expect(folds.slice(0, 5)).toEqual([0, 0, 1, 1, 2]);
    const sets = ['2 1', 'Ann 1 2', 'Ann 1 Bob 1', 'Ann 1 2', 'Ann 2 Bob 1'];
    expect(parsePairs(list(sets.join('\n')), samples).pairs.map(({ fold }) => fold)).toEqual([0, 0, 1, 1]);
  });

  it('refuses what is no list of pairs', () => {
    expect(() => parsePairs(list('Ann 1 2'), samples)).toThrow(/pairs\.txt is no list of pairs/);
    for (const head of ['', '0', '-5', '1e9', '3 2.5', '1 2 3', '10 0']) {
      expect(() => parsePairs(list(`${head}\nAnn 1 2\n`), samples), head).toThrow(/no list of pairs/);
    }
  });

  it('names the line that is malformed, and a list that is not as long as it says', () => {
    for (const line of ['Ann 1', 'Ann x 2', 'Ann 1 Bob x', 'Ann 1 Bob', 'Ann 1 Bob 1 2']) {
      expect(() => parsePairs(list(`1\n\nAnn 1 2\n${line}\n`), samples), line).toThrow(/pairs\.txt:4 is malformed/);
    }
    expect(() => parsePairs(list('2\nAnn 1 2\nAnn 1 Bob 1\n'), samples)).toThrow(/Expected 4 pairs. Got 2/);
  });
});

describe('calibration', () => {
  it('recovers the temperature that logits were sharpened by', () => {
    // Odds of 3:1 among faces, logits of 4 * log 3: four times too sure.
    const logits = Array.from({ length: 400 }, () => [0, 4 * Math.log(3)]);
    const targets = logits.map((_, i) => (i % 4 === 0 ? [1, 0] : [0, 1]));
    expect(fitTemperature({ logits, targets })).toBeCloseTo(4, 2);
    expect(crossEntropy({ logits, targets }, 4)).toBeCloseTo(-(0.75 * Math.log(0.75) + 0.25 * Math.log(0.25)), 6);
  });

  it('moves a threshold that helps unseen faces, and leaves one that does not', () => {
    // "No" up to 0.7, "yes" above: 0.5 is wrong on a third.
    const shifted = Array.from({ length: 300 }, (_, i) => ({
      yes: ((i * 7919) % 300) / 300,
      label: ((i * 7919) % 300) / 300 > 0.7 ? 1 : 0,
    }));
    expect(fitThreshold(shifted)).toBeCloseTo(0.7, 2);
    const centred = shifted.map(({ yes }) => ({ yes, label: yes > 0.5 ? 1 : 0 }));
    expect(fitThreshold(centred)).toBe(0.5);
  });

  it('fits intervals that hold four fifths of the labels', () => {
    const answers = Array.from({ length: 480 }, (_, i) => ({
      years: 20 + i / 10,
      label: 20 + i / 10 + (i % 10) * (i < 240 ? 1 : 2),
    }));
    const intervals = fitAgeIntervals(answers);
    expect(intervals).toHaveLength(4);
    expect(intervals[0]?.age).toBeCloseTo(25.95, 6);
    // 120 faces, errors 0..9 (twice that for the older) twelve times each: rank ceil(121 * 0.8) = 97 is the first of the 9th value.
    expect(intervals.map(({ halfWidth }) => Math.round(halfWidth))).toEqual([8, 8, 16, 16]);
  });
});

describe('groups', () => {
  it('reports each band, gender and race, and their combinations', () => {
    const face = (age: number, gender: 'female' | 'male', race: string, years: number, male: number) => ({
      sample: { key: '', file: '', points: null, age, gender, race },
      analysis: {
        age: { years },
        gender: {
          label: male >= 0.5 ? ('male' as const) : ('female' as const),
          probabilities: { female: 1 - male, male },
        },
        attributes: {},
        attributeProbabilities: {},
        extra: {},
      },
    });
    const groups = groupReports([
      face(25, 'female', 'asian', 27, 0.1),
      face(30, 'female', 'asian', 26, 0.9),
      face(70, 'male', 'black', 65, 0.8),
    ]);
    const of = (name: string) => groups.find(({ group }) => group === name);
    expect(of('20-39')?.age?.value).toBe(3);
    expect(of('female')?.genderAccuracy?.value).toBe(0.5);
    expect(of('20-39 female asian')?.faces).toBe(2);
    expect(of('60+ male black')?.age?.value).toBe(5);
    expect(groups.map(({ group }) => group)).toEqual([
      '20-39',
      '60+',
      'female',
      'male',
      'asian',
      'black',
      '20-39 female asian',
      '60+ male black',
    ]);
    expect([0, 9, 10, 59, 60, 116].map(ageBand)).toEqual(['0-9', '0-9', '10-19', '40-59', '60+', '60+']);
  });
});
