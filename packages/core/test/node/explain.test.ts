import { InvalidInputError, networkOf, type SelectedTask, selectOutputs } from '@swinface/core';
import { explainTask } from '@swinface/core/explain';
import { runReference } from '@swinface/core/reference';
import { expectAllClose, golden } from '@swinface/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { TaskHead } from '../../src/explain/index.js';

type Levels = [Float32Array, Float32Array, Float32Array, Float32Array];

const setUp = async () => {
  const { config, weights, input } = await golden('swinface-nano');
  const selection = selectOutputs(config);
  const results = runReference(networkOf(selection, { levels: true }), weights, input);
  const second = [1, 2, 3, 4].map((level) => {
    const data = results[`level${level}`]?.data ?? new Float64Array();
    return Float32Array.from(data.subarray(data.length / 2));
  }) as Levels;
  const row = results.logits?.data.subarray(selection.logits) ?? new Float64Array();
  return { config, weights, selection, levels: second, row };
};
let set: Awaited<ReturnType<typeof setUp>>;
beforeAll(async () => {
  set = await setUp();
}, 60_000); // the float64 reference

const explained = ({ task }: SelectedTask) => {
  const head = new TaskHead(set.config, set.weights, task.name);
  const attended = head.attend(set.levels);
  return { head, attended: attended.data, ...head.respond(attended) };
};

describe('explainTask', () => {
  test('computes the same logits from the feature maps as the whole network does', () => {
    for (const place of set.selection.tasks) {
      const { logits } = explained(place);
      const expected = set.row.subarray(place.offset, place.offset + place.task.logits);
      // Feature maps and folded weights are rounded to float32.
      expectAllClose(logits, expected, { atol: 1e-5, rtol: 1e-5, label: place.task.name });
    }
  });

  test('has the gradient that finite differences give', () => {
    const place = set.selection.tasks.find(({ task }) => task.name === 'Expression');
    if (!place) throw new Error('No task Expression');
    const { head, pooled, gradient, logits } = explained(place);
    for (const column of [0, 3]) {
      const slopes = gradient(column);
      for (let c = 0; c < pooled.length; c += 5) {
        const moved = pooled.slice();
        const step = 2 ** -11;
        moved[c] = (moved[c] ?? 0) + step;
        // A map of one token is its own maximum.
        const there = head.respond({ shape: [1, 1, 1, moved.length], data: moved }).logits[column] ?? 0;
        // Linear between the kinks of ReLU: only float64 rounding of the logits, divided by the step.
        expect(Math.abs((there - (logits[column] ?? 0)) / step - (slopes[c] ?? 0))).toBeLessThan(1e-9);
      }
    }
    expect(gradient(0)).not.toEqual(gradient(3));
  });

  test('weights each place by what its features contribute, and means each level by itself', () => {
    const { feature, split } = set.config;
    for (const place of set.selection.tasks) {
      const { task } = place;
      const { map, side, levels, answer } = explainTask(set.config, set.weights, set.levels, task.name);
      const { pooled, attended, gradient, logits } = explained(place);
      const column = task.labels?.[1] === 'yes' ? 1 : logits.indexOf(Math.max(...logits));
      const slopes = gradient(column);
      const raw = Array.from({ length: side * side }, (_, token) =>
        Math.max(
          0,
          slopes.reduce((sum, slope, c) => sum + slope * (attended[token * feature + c] ?? 0), 0),
        ),
      );
      const most = Math.max(...raw) || 1;
      // The same sums in another order, rounded once to float32.
      expectAllClose(
        map,
        raw.map((value) => value / most),
        { atol: 1e-6, rtol: 1e-6, label: task.name },
      );
      split.forEach((width, level) => {
        const from = split.slice(0, level).reduce((sum, part) => sum + part, 0);
        const part = pooled.subarray(from, from + width);
        expect(levels[level]).toBeCloseTo(part.reduce((sum, value) => sum + value, 0) / width, 6);
      });
      expect(split.reduce((sum, width) => sum + width, 0)).toBe(feature);
      expect(map).toHaveLength(side * side);
      expect(map.every((value) => value >= 0 && value <= 1)).toBe(true);
      expect(map.some((value) => value === 1) || map.every((value) => value === 0)).toBe(true);
      for (const level of levels) expect(level).toBeGreaterThanOrEqual(0);
      if (task.labels?.[1] === 'yes') expect(answer).toBe('yes');
    }
  });

  test('a place that alone bears features is the one that lights up', () => {
    const token = 3 * 7 + 5;
    // Only FM4 speaks, and only at one token: its features reach that token and its eight neighbours.
    const levels = set.levels.map((level) => new Float32Array(level.length)) as Levels;
    const channels = levels[3].length / 49;
    levels[3].set(set.levels[3].subarray(token * channels, (token + 1) * channels), token * channels);
    const { map } = explainTask(set.config, set.weights, levels, 'Gender');
    const { data: attended } = new TaskHead(set.config, set.weights, 'Gender').attend(levels);
    for (let place = 0; place < 49; place++) {
      const near = Math.abs(Math.floor(place / 7) - 3) <= 1 && Math.abs((place % 7) - 5) <= 1;
      const width = set.config.feature;
      const silent = attended.subarray(place * width, (place + 1) * width).every((value) => value === 0);
      if (!near) {
        expect(silent).toBe(true);
        expect(map[place]).toBe(0);
      }
    }
  });

  test('says which tasks there are, and which map is wrong', () => {
    expect(() => explainTask(set.config, set.weights, set.levels, 'Mood')).toThrow(InvalidInputError);
    const short = set.levels.map((level) => level.subarray(1)) as Levels;
    expect(() => explainTask(set.config, set.weights, short, 'Age')).toThrow(/FM1/);
  });
});
