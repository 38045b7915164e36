import * as v from 'valibot';
import type { ModelConfig, Task } from '../config.js';

// Bounds keep a hostile manifest from asking for absurd allocations; SwinFace-T uses about a tenth of each.
const side = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(max));
const four = <S extends v.GenericSchema<unknown, number>>(schema: S) => v.strictTuple([schema, schema, schema, schema]);
const name = v.pipe(v.string(), v.minLength(1), v.maxLength(100));

const task = v.pipe(
  v.strictObject({
    name,
    kind: v.picklist(['softmax', 'regression', 'sigmoid', 'ordinal']),
    logits: side(4096),
    labels: v.exactOptional(v.pipe(v.array(name), v.maxLength(4096))),
  }),
  v.check(({ labels, logits }) => labels === undefined || labels.length === logits, 'needs one label per logit'),
) satisfies v.GenericSchema<unknown, Task>;

/** Checks an untrusted network configuration: types, bounds, and that the sizes fit together. */
export const configSchema = v.pipe(
  v.strictObject({
    name,
    image: side(1024),
    patch: side(16),
    embed: side(1024),
    depths: four(side(64)),
    heads: four(side(128)),
    window: side(16),
    mlp: side(16),
    feature: side(4096),
    embedding: v.exactOptional(side(4096)),
    split: four(side(4096)),
    reduction: side(256),
    subnets: v.pipe(
      v.array(v.strictObject({ name, tasks: v.pipe(v.array(task), v.maxLength(256)) })),
      v.minLength(1),
      v.maxLength(64),
    ),
    extraTasks: v.exactOptional(v.pipe(v.array(v.strictObject({ subnet: name, task })), v.maxLength(64))),
  }),
  v.check(
    ({ image, patch, window }) => image === patch * window * 8,
    'needs image = patch * window * 8, so that four stages end in one window',
  ),
  v.check(
    ({ embed, heads }) => heads.every((count, stage) => (embed * 2 ** stage) % count === 0),
    "needs every stage's width to be a multiple of its heads",
  ),
  v.check(
    ({ split, feature }) => split.reduce((sum, channels) => sum + channels) === feature,
    'needs split to add up to feature',
  ),
  v.check(({ feature, reduction }) => feature % reduction === 0, 'needs feature to be a multiple of reduction'),
  v.check(({ subnets, extraTasks = [] }) => {
    const names = [...subnets.flatMap(({ tasks }) => tasks), ...extraTasks.map(({ task }) => task)].map(
      (entry) => entry.name,
    );
    return new Set([...names, 'Recognition']).size === names.length + 1;
  }, 'needs task names that are unique and not "Recognition"'),
  v.check(
    ({ subnets, extraTasks = [] }) => extraTasks.every(({ subnet }) => subnets.some((net) => net.name === subnet)),
    'has an extra task on a subnet that does not exist',
  ),
) satisfies v.GenericSchema<unknown, ModelConfig>;
