import { PRESETS, placedTasks, planShards, sizeOf, tensorShapes } from '@swinface/core';
import { describe, expect, test } from 'vitest';

const bytes = (perElement: number) => (_: string, shape: readonly number[]) => perElement * sizeOf(shape);

describe.each(Object.values(PRESETS))('$name', (config) => {
  test.each([4, 2, 1])('every tensor lies in one shard of bounded size, %i bytes an element', (perElement) => {
    const shapes = tensorShapes(config);
    const shards = planShards(config, bytes(perElement));
    expect([...shards.flat()].sort()).toEqual([...shapes.keys()].sort());
    const sizes = shards.map((shard) =>
      shard.reduce((sum, name) => sum + perElement * sizeOf(shapes.get(name) ?? []), 0),
    );
    for (const size of sizes) expect(size).toBeLessThanOrEqual(16 * 2 ** 20);
    // Only the last may be small: every other one was closed for having enough, or for having no room.
    for (const size of sizes.slice(0, -1)) expect(size).toBeGreaterThanOrEqual(1.5 * 2 ** 20);
  });
});

test('a subnet of the full network shares no file with the trunk or the recognition head, and its tasks lie with it', () => {
  const config = PRESETS['swinface-t'];
  const shards = planShards(config, bytes(2));
  config.subnets.forEach((_, subnet) => {
    const [shard, ...more] = shards.filter((names) => names.some((name) => name.startsWith(`fam.nets.${subnet}.`)));
    expect(more).toEqual([]);
    expect(shard?.filter((name) => name.startsWith('backbone.'))).toEqual([]);
    const heads = placedTasks(config).filter((task) => task.subnet === subnet);
    for (const { index } of heads) expect(shard).toContain(`om.output_fcs.${index}.weight`);
  });
  const recognition = shards.filter((names) => names.includes('backbone.feature.0.weight'));
  expect(recognition.flat().filter((name) => !name.startsWith('backbone.'))).toEqual([]);
});
