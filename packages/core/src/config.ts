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

/** Every size of the network, as data. Field names are the paper's; `split` and `reduction` its Fig. 3 and 4. */
export interface ModelConfig {
  readonly name: string;
  /** Side of the square RGB input in pixels. */
  readonly image: number;
  readonly patch: number;
  /** Channels after the patch embedding; doubled by each patch merging. */
  readonly embed: number;
  readonly depths: readonly [number, number, number, number];
  readonly heads: readonly [number, number, number, number];
  /** Side of an attention window, and of the last feature map. */
  readonly window: number;
  /** Hidden width of a block's MLP over its width. */
  readonly mlp: number;
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

const preset = (
  config: Omit<ModelConfig, 'image' | 'patch' | 'window' | 'mlp' | 'reduction' | 'subnets'>,
): ModelConfig =>
  Object.freeze({ image: 112, patch: 2, window: 7, mlp: 4, reduction: 16, subnets: SUBNETS, ...config });

/** The paper's network (67.8 M parameters) and a family of smaller ones with the same plan. */
export const PRESETS: Readonly<
  Record<'swinface-nano' | 'swinface-micro' | 'swinface-small' | 'swinface-t', ModelConfig>
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
  }))();

/** Length F of a network's recognition embedding. */
export const embeddingLength = ({ feature, embedding = feature }: Pick<ModelConfig, 'feature' | 'embedding'>): number =>
  embedding;

/** A task with its place in the checkpoint. */
export interface PlacedTask {
  readonly task: Task;
  /** Index into `config.subnets`. */
  readonly subnet: number;
  /** k of `om.output_fcs.{k}`. */
  readonly index: number;
}

/** Every analysis task in checkpoint order, extra heads last. */
export function placedTasks(config: ModelConfig): readonly PlacedTask[] {
  const placed = config.subnets.flatMap((net, subnet) => net.tasks.map((task) => ({ task, subnet })));
  for (const { subnet, task } of config.extraTasks ?? []) {
    placed.push({ task, subnet: config.subnets.findIndex((net) => net.name === subnet) });
  }
  return placed.map((entry, index) => ({ ...entry, index }));
}

/** Channels of stage s (0..3) before its patch merging. */
export const stageWidth = (config: ModelConfig, stage: number): number => config.embed * 2 ** stage;

/** Side of the token map of stage s (0..3) before its patch merging. */
export const stageSize = (config: ModelConfig, stage: number): number => config.image / config.patch / 2 ** stage;

/** [channels, side] of the feature maps FM1..FM4. */
export function levelShapes(config: ModelConfig): readonly (readonly [channels: number, side: number])[] {
  return [1, 2, 3, 3].map((stage) => [stageWidth(config, stage), stageSize(config, stage)] as const);
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
 * @throws {InvalidInputError} if a name is unknown or the list is empty.
 */
export function selectOutputs(config: ModelConfig, names?: readonly string[]): OutputSelection {
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
