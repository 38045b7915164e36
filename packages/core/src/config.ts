import { isObject, requireInput, requireNumbers } from '@swinface/geometry';
import { InvalidInputError } from './errors.js';

/**
 * How a task's logits are read:
 * `softmax` one of `labels`; `regression` the values themselves; `sigmoid` independent yes/no per logit;
 * `ordinal` K-1 questions "rank > k" (DMTL, arXiv:2403.00561).
 */
export type TaskKind = 'softmax' | 'regression' | 'sigmoid' | 'ordinal';

/** One output of the analysis subnets: one linear layer `om.output_fcs.{k}`. */
export interface Task {
  readonly name: string;
  readonly kind: TaskKind;
  readonly logits: number;
  /** Meaning of each logit, where it has a name. */
  readonly labels?: readonly string[];
}

/** One of the face analysis subnets of SwinFace's Table II, with the tasks that share its features. */
export interface Subnet {
  readonly name: string;
  readonly tasks: readonly Task[];
}

/** A head beyond the 42 of the paper (action units, landmarks ...), attached to a subnet by name. */
export interface ExtraTask {
  readonly subnet: string;
  readonly task: Task;
}

/** What is the same whatever the trunk. Field names are the paper's; `split` and `reduction` its Fig. 3 and 4. */
export interface FaceConfig {
  readonly name: string;
  /** Side of the square RGB input in pixels. */
  readonly image: number;
  /** Length of each subnet's feature vector, and of the recognition embedding unless `embedding` says otherwise. */
  readonly feature: number;
  /** Length of the recognition embedding; `feature` by default, as in the paper. */
  readonly embedding?: number;
  /** Channels that each level FM1..FM4 contributes to a subnet's feature vector; they add up to `feature`. */
  readonly split: readonly [number, number, number, number];
  /** Squeeze ratio of the channel attention. */
  readonly reduction: number;
  readonly subnets: readonly Subnet[];
  /** Heads added after the paper's; their `om.output_fcs` follow the last of `subnets`. */
  readonly extraTasks?: readonly ExtraTask[];
}

/** On a Swin Transformer, the paper's trunk; it is meant where a config names none. */
export interface SwinConfig extends FaceConfig {
  readonly trunk?: never;
  readonly patch: number;
  /** Channels after the patch embedding; doubled by each patch merging. */
  readonly embed: number;
  readonly depths: readonly [number, number, number, number];
  readonly heads: readonly [number, number, number, number];
  /** Side of an attention window, and of the last feature map. */
  readonly window: number;
  /** Hidden width of a block's MLP over its width. */
  readonly mlp: number;
}

/** One stage of MobileFaceNet: a bottleneck that halves the map, then residual ones. */
export interface MobileFaceStage {
  readonly channels: number;
  /** Width inside the bottleneck that halves. */
  readonly entry: number;
  /** Width inside the residual bottlenecks. */
  readonly inner: number;
  /** Residual bottlenecks. */
  readonly blocks: number;
}

/** Sizes of a MobileFaceNet (arXiv:1804.07573). */
export interface MobileFaceTrunk {
  readonly kind: 'mobileface';
  /** Channels after the first convolution. */
  readonly stem: number;
  readonly stages: readonly [MobileFaceStage, MobileFaceStage, MobileFaceStage];
  /** Channels of the last feature map. */
  readonly top: number;
}

/** On a MobileFaceNet, whose own embedding is the identity. */
export interface MobileFaceConfig extends FaceConfig {
  readonly trunk: MobileFaceTrunk;
}

/** Every size of the network, as data. */
export type ModelConfig = SwinConfig | MobileFaceConfig;

const softmax = (name: string, labels: readonly string[]): Task =>
  Object.freeze({ name, kind: 'softmax', logits: labels.length, labels: Object.freeze([...labels]) });
const binary = (name: string): Task => softmax(name, ['no', 'yes']);
const subnet = (name: string, tasks: readonly Task[]): Subnet =>
  Object.freeze({ name, tasks: Object.freeze([...tasks]) });

// What a page does not use, bundlers may leave out: manifests bring their own tables.

/** SwinFace Table II in the checkpoint's order: task k of this walk owns `om.output_fcs.{k}`. */
export const SUBNETS: readonly Subnet[] = /* @__PURE__ */ (() =>
  Object.freeze([
    subnet('Gender', [softmax('Gender', ['female', 'male'])]),
    subnet('Age', [Object.freeze({ name: 'Age', kind: 'regression', logits: 1 }), binary('Young')]),
    subnet('Expression', [
      softmax('Expression', ['surprise', 'fear', 'disgust', 'happiness', 'sadness', 'anger', 'neutral']),
      binary('Smiling'),
    ]),
    subnet('Whole', ['Attractive', 'Blurry', 'Chubby', 'Heavy Makeup', 'Oval Face', 'Pale Skin'].map(binary)),
    subnet(
      'Hair',
      [
        'Bald',
        'Bangs',
        'Black Hair',
        'Blond Hair',
        'Brown Hair',
        'Gray Hair',
        'Receding Hairline',
        'Straight Hair',
        'Wavy Hair',
        'Wearing Hat',
      ].map(binary),
    ),
    subnet('Eyes', ['Arched Eyebrows', 'Bags Under Eyes', 'Bushy Eyebrows', 'Eyeglasses', 'Narrow Eyes'].map(binary)),
    subnet('Nose', ['Big Nose', 'Pointy Nose'].map(binary)),
    subnet('Cheek', ['High Cheekbones', 'Rosy Cheeks', 'Wearing Earrings', 'Sideburns'].map(binary)),
    subnet(
      'Mouth',
      ["Five O'Clock Shadow", 'Big Lips', 'Mouth Slightly Open', 'Mustache', 'Wearing Lipstick', 'No Beard'].map(
        binary,
      ),
    ),
    subnet('Chin', ['Double Chin', 'Goatee'].map(binary)),
    subnet('Neck', ['Wearing Necklace', 'Wearing Necktie'].map(binary)),
  ]))();

/** Name of the identity embedding among the outputs. */
export const RECOGNITION = 'Recognition';

const preset = (config: Omit<SwinConfig, 'image' | 'patch' | 'window' | 'mlp' | 'reduction' | 'subnets'>): SwinConfig =>
  Object.freeze({ image: 112, patch: 2, window: 7, mlp: 4, reduction: 16, subnets: SUBNETS, ...config });

/** MobileFaceNet as published for recognition: 1.2 M parameters. */
export const MOBILEFACE: MobileFaceTrunk = /* @__PURE__ */ (() =>
  Object.freeze<MobileFaceTrunk>({
    kind: 'mobileface',
    stem: 64,
    stages: [
      { channels: 64, entry: 128, inner: 128, blocks: 4 },
      { channels: 128, entry: 256, inner: 256, blocks: 6 },
      { channels: 128, entry: 512, inner: 256, blocks: 2 },
    ],
    top: 512,
  }))();

/**
 * The paper's network (67.8 M parameters), a family of smaller ones with the same plan, and `swinface-mobile`: the paper's
 * subnets on a trunk that was trained for recognition.
 */
export const PRESETS: Readonly<
  Record<'swinface-nano' | 'swinface-micro' | 'swinface-small' | 'swinface-t', SwinConfig> &
    Record<'swinface-mobile', MobileFaceConfig>
> = /* @__PURE__ */ (() =>
  Object.freeze({
    'swinface-nano': preset({
      name: 'swinface-nano',
      embed: 24,
      depths: [1, 1, 2, 1],
      heads: [1, 2, 4, 8],
      feature: 64,
      split: [6, 12, 23, 23],
    }),
    'swinface-micro': preset({
      name: 'swinface-micro',
      embed: 32,
      depths: [2, 2, 2, 2],
      heads: [1, 2, 4, 8],
      feature: 128,
      split: [12, 24, 46, 46],
    }),
    'swinface-small': preset({
      name: 'swinface-small',
      embed: 64,
      depths: [2, 2, 4, 2],
      heads: [2, 4, 8, 16],
      feature: 256,
      split: [24, 46, 93, 93],
    }),
    'swinface-t': preset({
      name: 'swinface-t',
      embed: 96,
      depths: [2, 2, 6, 2],
      heads: [3, 6, 12, 24],
      feature: 512,
      split: [47, 93, 186, 186],
    }),
    'swinface-mobile': Object.freeze<MobileFaceConfig>({
      name: 'swinface-mobile',
      image: 112,
      trunk: MOBILEFACE,
      feature: 64,
      embedding: 512,
      split: [8, 16, 24, 16],
      reduction: 4,
      subnets: SUBNETS,
    }),
  }))();

/** Length F of a network's recognition embedding. @throws {InvalidInputError} unless the config says it */
export function embeddingLength(config: Pick<ModelConfig, 'feature' | 'embedding'>): number {
  requireNumbers('The argument "config"', config, ['feature']);
  return config.embedding ?? config.feature;
}

const isTask = (task: unknown): boolean =>
  isObject(task) && typeof task.name === 'string' && typeof task.kind === 'string' && typeof task.logits === 'number';

const isSubnet = (net: unknown): boolean =>
  isObject(net) && typeof net.name === 'string' && Array.isArray(net.tasks) && net.tasks.every(isTask);

const isExtraTask = (extra: unknown): boolean =>
  isObject(extra) && typeof extra.subnet === 'string' && isTask(extra.task);

const areNumbers = (list: readonly unknown[]): boolean => list.every((entry) => typeof entry === 'number');

const areFour = (list: unknown): boolean => Array.isArray(list) && list.length === 4 && areNumbers(list);

const isTrunk = (trunk: unknown): boolean =>
  isObject(trunk) && Array.isArray(trunk.stages) && trunk.stages.length === 3 && trunk.stages.every(isObject);

const isSwin = ({ embed, patch, window, mlp, depths, heads }: Readonly<Record<string, unknown>>): boolean =>
  areNumbers([embed, patch, window, mlp]) && areFour(depths) && areFour(heads);

/** @throws {InvalidInputError} unless this has what a config has; what its sizes mean together `parseManifest` checks */
function requireConfig(config: unknown): void {
  const isConfig =
    isObject(config) &&
    Array.isArray(config.subnets) &&
    config.subnets.every(isSubnet) &&
    (config.extraTasks === undefined || (Array.isArray(config.extraTasks) && config.extraTasks.every(isExtraTask))) &&
    areNumbers([config.feature, config.image, config.reduction]) &&
    areFour(config.split) &&
    ('trunk' in config ? isTrunk(config.trunk) : isSwin(config));
  requireInput(isConfig, 'The argument "config"', 'the config of a manifest or a preset', config);
}

/** A task with its place in the checkpoint. */
export interface PlacedTask {
  readonly task: Task;
  /** Index into `config.subnets`. */
  readonly subnet: number;
  /** k of `om.output_fcs.{k}`. */
  readonly index: number;
}

/** Every analysis task in checkpoint order, extra heads last. @throws {InvalidInputError} unless this is a config */
export function placedTasks(config: ModelConfig): readonly PlacedTask[] {
  requireConfig(config);
  const placed = config.subnets.flatMap((net, subnet) => net.tasks.map((task) => ({ task, subnet })));
  for (const { subnet, task } of config.extraTasks ?? []) {
    placed.push({ task, subnet: config.subnets.findIndex((net) => net.name === subnet) });
  }
  return placed.map((entry, index) => ({ ...entry, index }));
}

/** Which outputs one compiled network computes; made by {@link selectOutputs}. */
export interface OutputSelection {
  readonly config: ModelConfig;
  readonly recognition: boolean;
  /** Indices into `config.subnets` of the subnets that are computed; their position is the stack index S. */
  readonly subnets: readonly number[];
  readonly tasks: readonly SelectedTask[];
  /** Length R of the logits row. */
  readonly logits: number;
}

/** Where a selected task's logits stand in the logits row. */
export interface SelectedTask extends PlacedTask {
  /** Position of its subnet in {@link OutputSelection.subnets}. */
  readonly stack: number;
  readonly offset: number;
}

/**
 * Picks outputs by name ("Recognition", "Age", "Eyeglasses" ...); all of them by default.
 * Subnets no chosen task needs are left out of the computation.
 *
 * @throws {InvalidInputError} if a name is unknown, the list is empty, or this is no config
 */
export function selectOutputs(config: ModelConfig, names?: readonly string[]): OutputSelection {
  const areNames = names === undefined || (Array.isArray(names) && names.every((name) => typeof name === 'string'));
  requireInput(areNames, 'The argument "names" of selectOutputs', 'a list of names', names);
  const all = placedTasks(config);
  if (names) {
    const known = new Set([RECOGNITION, ...all.map(({ task }) => task.name)]);
    const unknown = names.filter((name) => !known.has(name));
    if (unknown.length > 0 || names.length === 0) {
      throw new InvalidInputError(`Cannot select the outputs [${names.join(', ')}].`, {
        expected: `one or more of ${[...known].join(', ')}`,
        actual: unknown.length > 0 ? `unknown ${unknown.join(', ')}` : 'an empty list',
      });
    }
  }
  const wanted = (name: string) => names === undefined || names.includes(name);
  const chosen = all.filter(({ task }) => wanted(task.name));
  const subnets = [...new Set(chosen.map(({ subnet }) => subnet))].sort((a, b) => a - b);
  let offset = 0;
  // Grouped by subnet so that a subnet's logits are contiguous; stable, hence checkpoint order inside a subnet.
  const tasks = subnets.flatMap((subnet, stack) =>
    chosen
      .filter((entry) => entry.subnet === subnet)
      .map((entry) => {
        const selected = { ...entry, stack, offset };
        offset += entry.task.logits;
        return selected;
      }),
  );
  return { config, recognition: wanted(RECOGNITION), subnets, tasks, logits: offset };
}

/** @throws {InvalidInputError} unless {@link selectOutputs} gives this for some outputs */
export function requireSelection(selection: unknown): asserts selection is OutputSelection {
  const what = 'The argument "selection"';
  const expected = 'what selectOutputs gives';
  requireInput(isObject(selection), what, expected, selection);
  const { config, recognition, tasks } = selection;
  const names = Array.isArray(tasks) ? tasks.map((entry) => entry?.task?.name) : [];
  if (recognition === true) names.push(RECOGNITION);
  const right = selectOutputs(config as ModelConfig, names);
  for (const key of ['recognition', 'subnets', 'tasks', 'logits'] as const) {
    const [found, needed] = [selection[key], right[key]];
    const same = Array.isArray(needed)
      ? Array.isArray(found) && found.length === needed.length && needed.every((entry, i) => isSame(entry, found[i]))
      : found === needed;
    requireInput(same, `The "${key}" of a selection`, expected, found);
  }
}

/** Whether two entries of selections are the same number, or say the same of a task. */
const isSame = (entry: number | SelectedTask, found: unknown): boolean =>
  typeof entry === 'number'
    ? entry === found
    : isObject(found) && (['subnet', 'index', 'stack', 'offset'] as const).every((key) => entry[key] === found[key]);
