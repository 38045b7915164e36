import {
  InvalidInputError,
  type ModelConfig,
  PRESETS,
  placedTasks,
  SUBNETS,
  selectOutputs,
  sizeOf,
  tensorShapes,
} from '@swinface/core';
import { describe, expect, test } from 'vitest';

describe('presets', () => {
  test('swinface-t has the 67.8 M parameters of the paper', () => {
    const parameters = [...tensorShapes(PRESETS['swinface-t'])]
      .filter(([name]) => !name.includes('running_'))
      .reduce((sum, [, shape]) => sum + sizeOf(shape), 0);
    const unusedHead = 768 * 512 + 512; // `backbone.head`, which the checkpoint carries and the paper counts
    expect((parameters + unusedHead) / 1e6).toBeCloseTo(67.8, 1);
  });

  test.each(Object.values<ModelConfig>(PRESETS))('$name fits together', (config) => {
    expect(config.split.reduce((a, b) => a + b)).toBe(config.feature);
    expect(config.feature % config.reduction).toBe(0);
    if (config.trunk) return;
    expect(config.image).toBe(config.patch * config.window * 8);
    for (const [stage, heads] of config.heads.entries()) expect((config.embed * 2 ** stage) % heads).toBe(0);
  });

  test('Table II has 11 subnets and 42 tasks, 40 of them binary CelebA attributes or their like', () => {
    expect(SUBNETS).toHaveLength(11);
    const tasks = placedTasks(PRESETS['swinface-t']);
    expect(tasks).toHaveLength(42);
    expect(tasks.filter(({ task }) => task.logits === 2)).toHaveLength(40);
  });
});

describe('selectOutputs', () => {
  const config = PRESETS['swinface-nano'];

  test('everything by default, logits back to back', () => {
    const all = selectOutputs(config);
    expect(all.recognition).toBe(true);
    expect(all.subnets).toHaveLength(11);
    expect(all.logits).toBe(1 + 7 + 40 * 2);
    let offset = 0;
    for (const task of all.tasks) {
      expect(task.offset).toBe(offset);
      offset += task.task.logits;
    }
  });

  test('keeps only the subnets that the chosen tasks need', () => {
    const some = selectOutputs(config, ['Goatee', 'Age']);
    expect(some.recognition).toBe(false);
    expect(some.subnets).toEqual([1, 9]);
    expect(some.tasks.map(({ task, stack, offset, index }) => [task.name, stack, offset, index])).toEqual([
      ['Age', 0, 0, 1],
      ['Goatee', 1, 1, 39],
    ]);
  });

  test('an extra head reads the subnet it names and follows the 42', () => {
    const au = { name: 'Action Units', kind: 'sigmoid', logits: 17 } as const;
    const extended = { ...config, extraTasks: [{ subnet: 'Expression', task: au }] };
    const { tasks } = selectOutputs(extended);
    const placed = tasks.find(({ task }) => task.name === 'Action Units');
    expect(placed).toMatchObject({ subnet: 2, index: 42 });
    expect(tensorShapes(extended).get('om.output_fcs.42.weight')).toEqual([17, 64]);
  });

  test.each([[['Mood']], [[]]])('refuses %j and lists what there is', (names) => {
    expect(() => selectOutputs(config, names)).toThrow(InvalidInputError);
    expect(() => selectOutputs(config, names)).toThrow(/Recognition, Gender, Age/);
  });
});
