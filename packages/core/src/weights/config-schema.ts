import * as v from 'valibot';
import type { MobileFaceConfig, ModelConfig, SwinConfig, Task } from '../config.js';

// Bounds keep a hostile manifest from asking for absurd allocations; SwinFace-T uses about a tenth of each.
const side = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(max));
const four = <S extends v.GenericSchema<unknown, number>>(schema: S) => v.strictTuple([schema, schema, schema, schema]);
/** Names become keys of results. */
const name = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(100),
  v.notValue('__proto__', 'must not be __proto__, which no object can have as a key of its own by assignment'),
);

const task = v.pipe(
  v.strictObject({
    name,
    kind: v.picklist(['softmax', 'regression', 'sigmoid', 'ordinal']),
    logits: side(4096),
    labels: v.exactOptional(v.pipe(v.array(name), v.maxLength(4096))),
  }),
  v.check(({ labels, logits }) => labels === undefined || labels.length === logits, 'needs one label per logit'),
) satisfies v.GenericSchema<unknown, Task>;

/** What is the same whatever the trunk. */
const shared = {
  name,
  image: side(1024),
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
};

const swinSchema = v.pipe(
  v.strictObject({
    ...shared,
    patch: side(16),
    embed: side(1024),
    depths: four(side(64)),
    heads: four(side(128)),
    window: side(16),
    mlp: side(16),
  }),
  v.check(
    ({ image, patch, window }) => image === patch * window * 8,
    'needs image = patch * window * 8, so that four stages end in one window',
  ),
  v.check(
    ({ embed, heads }) => heads.every((count, stage) => (embed * 2 ** stage) % count === 0),
    "needs every stage's width to be a multiple of its heads",
  ),
) satisfies v.GenericSchema<unknown, SwinConfig>;

const stage = v.strictObject({ channels: side(1024), entry: side(2048), inner: side(2048), blocks: side(64) });

const mobileFaceSchema = v.pipe(
  v.strictObject({
    ...shared,
    trunk: v.strictObject({
      kind: v.literal('mobileface'),
      stem: side(1024),
      stages: v.strictTuple([stage, stage, stage]),
      top: side(4096),
    }),
  }),
  v.check(({ image }) => image % 16 === 0, 'needs image to be a multiple of 16, so that four strides divide it'),
) satisfies v.GenericSchema<unknown, MobileFaceConfig>;

/** Checks an untrusted network configuration: types, bounds, and that the sizes fit together. */
export const configSchema = v.pipe(
  // Told by `trunk` before anything is checked, so that an error is about the field that is wrong.
  v.lazy((value): v.GenericSchema<unknown, ModelConfig> => (hasTrunk(value) ? mobileFaceSchema : swinSchema)),
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

const hasTrunk = (value: unknown): boolean => typeof value === 'object' && value !== null && 'trunk' in value;
