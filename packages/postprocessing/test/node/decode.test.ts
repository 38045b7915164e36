import {
  type Manifest,
  type ModelConfig,
  PRESETS,
  placedTasks,
  type RawOutputs,
  SwinFaceError,
  selectOutputs,
} from '@swinface/core';
import { ATTRIBUTES, decodeOutputs, EXPRESSIONS } from '@swinface/postprocessing';
import { describe, expect, it } from 'vitest';

const nano = PRESETS['swinface-nano'];
const uncalibrated: Manifest['calibration'] = { temperatures: {}, thresholds: {}, ageIntervals: [], verification: [] };

/** Raw outputs of one face with the given logits; every other logit is 0. */
function raw(
  names: readonly string[],
  logits: Readonly<Record<string, readonly number[]>>,
  { config = nano, embedding }: { config?: ModelConfig; embedding?: readonly number[] } = {},
) {
  const selection = selectOutputs(config, names);
  const row = new Float32Array(selection.logits);
  for (const { task, offset } of selection.tasks) row.set(logits[task.name] ?? [], offset);
  const outputs: RawOutputs = {
    count: 1,
    ...(selection.tasks.length > 0 ? { logits: row } : {}),
    ...(embedding ? { embeddings: Float32Array.from(embedding) } : {}),
  };
  return { selection, outputs };
}

const decode = (
  names: readonly string[],
  logits: Readonly<Record<string, readonly number[]>>,
  calibration: Partial<Manifest['calibration']> = {},
  config: ModelConfig = nano,
) => {
  const { selection, outputs } = raw(names, logits, { config });
  return decodeOutputs({ calibration: { ...uncalibrated, ...calibration } }, selection, outputs, 0);
};

const withExtra = (task: ModelConfig['subnets'][number]['tasks'][number]): ModelConfig => ({
  ...nano,
  extraTasks: [{ subnet: 'Whole', task }],
});

describe('decodeOutputs', () => {
  it('lists the attributes of the paper: every two-way task that is neither gender nor expression', () => {
    const tasks = placedTasks(nano).map(({ task }) => task.name);
    expect([...ATTRIBUTES]).toEqual(tasks.filter((name) => !['Gender', 'Age', 'Expression'].includes(name)));
    expect(placedTasks(nano).find(({ task }) => task.name === 'Expression')?.task.labels).toEqual([...EXPRESSIONS]);
  });

  it('turns logits into probabilities worked out by hand', () => {
    // Differences of ln 3: odds 1 : 3, so 0.25 and 0.75. float32 logits carry about 1e-7.
    const face = decode(['Gender', 'Eyeglasses'], { Gender: [Math.log(3), 0], Eyeglasses: [0, Math.log(3)] });
    expect(face.gender?.label).toBe('female');
    expect(face.gender?.probabilities.female).toBeCloseTo(0.75, 6);
    expect(face.gender?.probabilities.male).toBeCloseTo(0.25, 6);
    expect(face.attributeProbabilities.Eyeglasses).toBeCloseTo(0.75, 6);
    expect(face.attributes).toEqual({ Eyeglasses: true });
    expect(face).not.toHaveProperty('age');
    expect(face).not.toHaveProperty('embedding');
  });

  it('scores the embedding by its direction and its length, where the model was measured for that', () => {
    const embedding = Array.from({ length: 64 }, (_, i) => (i === 0 ? 3 : i === 1 ? 4 : 0)); // length 5: 0.6, 0.8
    const weights = embedding.map((_, i) => (i === 0 ? 10 : i === 1 ? -5 : 7));
    const { selection, outputs } = raw(['Recognition'], {}, { embedding });
    const scored = (recognisability: Manifest['calibration']['recognisability']) =>
      decodeOutputs(
        { calibration: { ...uncalibrated, ...(recognisability && { recognisability }) } },
        selection,
        outputs,
        0,
      );
    // 10 * 0.6 - 5 * 0.8 + 0.4 * 5 - 4 = 0, so one half; 1 more gives 1 / (1 + 1 / e).
    expect(scored({ weights, length: 0.4, bias: -4 }).recognisability).toBeCloseTo(0.5, 6);
    expect(scored({ weights, length: 0.6, bias: -4 }).recognisability).toBeCloseTo(0.7310586, 6);
    expect(scored(undefined)).not.toHaveProperty('recognisability');
  });

  it('names the expression and the probability of each', () => {
    // ln 4 against six zeros: 4/10 and 1/10 each.
    const face = decode(['Expression'], { Expression: [0, 0, 0, Math.log(4), 0, 0, 0] });
    expect(face.expression?.label).toBe('happiness');
    expect(face.expression?.happiness).toBeCloseTo(0.4, 6);
    expect(face.expression?.anger).toBeCloseTo(0.1, 6);
    expect(face.attributes).toEqual({});
  });

  it('divides logits by the temperature and decides at the threshold', () => {
    const logits = { Smiling: [0, 2 * Math.log(3)], Gender: [0, Math.log(3)] };
    const cool = decode(['Smiling', 'Gender'], logits, {
      temperatures: { Smiling: 2 },
      thresholds: { Smiling: 0.8, Gender: 0.7 },
    });
    expect(cool.attributeProbabilities.Smiling).toBeCloseTo(0.75, 6);
    expect(cool.attributes.Smiling).toBe(false);
    expect(cool.gender?.label).toBe('male');
    expect(decode(['Gender'], logits, { thresholds: { Gender: 0.76 } }).gender?.label).toBe('female');
    // Exactly at the threshold counts as yes.
    expect(decode(['Smiling'], { Smiling: [1, 1] }).attributes.Smiling).toBe(true);
  });

  it('keeps probabilities finite for logits far apart', () => {
    const face = decode(['Smiling', 'Young'], { Smiling: [3e38, -3e38], Young: [-3e38, 3e38] });
    expect(face.attributeProbabilities).toEqual({ Smiling: 0, Young: 1 });
  });

  it('reads apparent age in years with the measured range', () => {
    const ageIntervals = [
      { age: 20, halfWidth: 4 },
      { age: 40, halfWidth: 8 },
    ];
    const at = (years: number) => decode(['Age'], { Age: [years] }, { ageIntervals }).age;
    expect(at(30)).toEqual({ years: 30, low: 24, high: 36 }); // half-width 6, halfway between 4 and 8
    expect(at(20)).toEqual({ years: 20, low: 16, high: 24 });
    expect(at(2)).toEqual({ years: 2, low: 0, high: 6 });
    expect(at(70)).toEqual({ years: 70, low: 62, high: 78 });
    expect(at(-3)).toEqual({ years: 0, low: 0, high: 4 });
    expect(decode(['Age'], { Age: [30] }).age).toEqual({ years: 30 });
  });

  it('reads an ordinal age head as the count of questions answered yes', () => {
    const subnets = nano.subnets.map((net) =>
      net.name === 'Age' ? { ...net, tasks: [{ name: 'Age', kind: 'ordinal', logits: 5 } as const] } : net,
    );
    const config = { ...nano, subnets };
    const years = (...chances: number[]) => {
      const logits = chances.map((p) => Math.log(p / (1 - p)));
      return decode(['Age'], { Age: logits }, { temperatures: { Age: 3 } }, config).age?.years;
    };
    // P(older than k): their sum would be 2.6, 1.5 and 3.5.
    expect(years(0.9, 0.8, 0.45, 0.4, 0.05)).toBe(2);
    expect(years(0.5, 0.45, 0.4, 0.1, 0.05)).toBe(0);
    expect(years(0.9, 0.8, 0.7, 0.6, 0.5)).toBe(4);
    // Answers that contradict each other count as the paper has it.
    expect(years(0.9, 0.2, 0.9, 0.2, 0.2)).toBe(2);
  });

  it('gives further heads by their kind', () => {
    const names = ['Extra'];
    const softmax = withExtra({ name: 'Extra', kind: 'softmax', logits: 3, labels: ['a', 'b', 'c'] });
    expect(decode(names, { Extra: [0, 0, Math.log(2)] }, {}, softmax).extra.Extra).toMatchObject({
      kind: 'softmax',
      label: 'c',
    });
    const regression = withExtra({ name: 'Extra', kind: 'regression', logits: 2 });
    expect(decode(names, { Extra: [1.5, -2] }, {}, regression).extra.Extra).toEqual({
      kind: 'regression',
      values: [1.5, -2],
    });
    const sigmoid = withExtra({ name: 'Extra', kind: 'sigmoid', logits: 2 });
    expect(decode(names, { Extra: [0, -1000] }, {}, sigmoid).extra.Extra).toEqual({
      kind: 'sigmoid',
      probabilities: [0.5, 0],
      decisions: [true, false],
    });
    // DMTL: the rank counts the thresholds passed with more than one half.
    const ordinal = withExtra({ name: 'Extra', kind: 'ordinal', logits: 3 });
    expect(decode(names, { Extra: [1000, 0, -1000] }, {}, ordinal).extra.Extra).toEqual({
      kind: 'ordinal',
      rank: 1,
      expected: 1.5,
      probabilities: [1, 0.5, 0],
    });
  });

  it('does not take a task that borrows a known name for what it is not', () => {
    const subnets = nano.subnets.map((net) =>
      net.name === 'Gender' ? { ...net, tasks: [{ name: 'Gender', kind: 'regression', logits: 1 } as const] } : net,
    );
    const face = decode(['Gender'], { Gender: [7] }, {}, { ...nano, subnets });
    expect(face).not.toHaveProperty('gender');
    expect(face.extra.Gender).toEqual({ kind: 'regression', values: [7] });
  });

  it.each(['__proto__', 'constructor', 'toString'])('treats a task called %s like any other', (name) => {
    const config = withExtra({ name, kind: 'softmax', logits: 2 });
    const { extra } = decode([name], { [name]: [0, 1] }, {}, config);
    expect(Object.keys(extra)).toEqual([name]);
    expect(Object.getOwnPropertyDescriptor(extra, name)?.value).toMatchObject({ kind: 'softmax', label: '1' });
    expect(Object.getPrototypeOf(extra)).toBe(Object.prototype);
  });

  it('normalises the embedding and reads the right row', () => {
    const selection = selectOutputs(nano, ['Recognition']);
    const embeddings = new Float32Array(2 * 64);
    embeddings.set([1, 1], 0);
    embeddings.set([3, 4], 64);
    const face = decodeOutputs({ calibration: uncalibrated }, selection, { count: 2, embeddings }, 1);
    expect(Array.from(face.embedding?.subarray(0, 3) ?? [])).toEqual([Math.fround(0.6), Math.fround(0.8), 0]);
    // A copy: results must not change when the engine reuses its memory.
    embeddings.fill(0);
    expect(face.embedding?.[1]).toBe(Math.fround(0.8));
  });

  it('survives structuredClone', () => {
    const { selection, outputs } = raw(
      ['Recognition', 'Age', 'Gender', 'Expression', 'Bald'],
      {},
      {
        embedding: Array.from({ length: 64 }, (_, i) => i + 1),
      },
    );
    const face = decodeOutputs({ calibration: uncalibrated }, selection, outputs, 0);
    expect(structuredClone(face)).toEqual(face);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('names the task whose output is %s', (value) => {
    const { selection, outputs } = raw(['Bald', 'Goatee'], { Goatee: [0, value] });
    const run = () => decodeOutputs({ calibration: uncalibrated }, selection, outputs, 0);
    expect(run).toThrow(SwinFaceError);
    expect(run).toThrow(/Goatee.*at 1/);
    const embedding = Array<number>(64).fill(1);
    embedding[5] = value;
    const recognition = raw(['Recognition'], {}, { embedding });
    expect(() => decodeOutputs({ calibration: uncalibrated }, recognition.selection, recognition.outputs, 0)).toThrow(
      /Recognition.*at 5/,
    );
  });

  it('refuses outputs that do not fit', () => {
    const { selection, outputs } = raw(['Bald'], {});
    const calibration = uncalibrated;
    expect(() => decodeOutputs({ calibration }, selection, outputs, 1)).toThrow(/no such face/);
    expect(() => decodeOutputs({ calibration }, selection, outputs, -1)).toThrow(/no such face/);
    expect(() => decodeOutputs({ calibration }, selection, { count: 1 }, 0)).toThrow(/do not fit/);
    expect(() => decodeOutputs({ calibration }, selectOutputs(nano), outputs, 0)).toThrow(/do not fit/);
    const zero = raw(['Recognition'], {}, { embedding: Array<number>(64).fill(0) });
    expect(() => decodeOutputs({ calibration }, zero.selection, zero.outputs, 0)).toThrow(/all zeros/);
  });
});
