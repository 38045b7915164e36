import type { ExtraTask, ModelConfig, Task } from '@swinface/core';

/** The 17 facial action units of the coupling with expressions, by their FACS numbers. */
export const ACTION_UNITS = [1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 15, 17, 20, 23, 24, 25, 26] as const;
/** Name of the head that predicts {@link ACTION_UNITS}. */
export const ACTION_UNITS_TASK = 'Action Units';
/** Name of the head that predicts {@link LANDMARKS}. */
export const LANDMARKS_TASK = 'Landmarks';
/** Number of facial landmarks learnt as an auxiliary task. */
export const LANDMARKS = 72;

/** Heads beyond the paper's that a recipe can switch on. */
export const HEADS: Readonly<Record<'action-units' | 'landmarks' | 'race', ExtraTask>> = {
  'action-units': {
    subnet: 'Expression',
    task: {
      name: ACTION_UNITS_TASK,
      kind: 'sigmoid',
      logits: ACTION_UNITS.length,
      labels: ACTION_UNITS.map((unit) => `AU${unit}`),
    },
  },
  landmarks: { subnet: 'Whole', task: { name: LANDMARKS_TASK, kind: 'regression', logits: 2 * LANDMARKS } },
  // For studies of bias only; weights that are handed out must not have it.
  race: {
    subnet: 'Whole',
    task: { name: 'Race', kind: 'softmax', logits: 5, labels: ['white', 'black', 'asian', 'indian', 'other'] },
  },
};

/** Name of one of {@link HEADS}. */
export type HeadName = keyof typeof HEADS;

/** What a recipe asks of the network's outputs. */
export interface HeadChoices {
  readonly heads: readonly HeadName[];
  /** `ordinal` asks one question for each year below `ranks`. */
  readonly age: { readonly method: 'regression' | 'ordinal'; readonly ranks: number };
}

/** A network with the heads and the kind of age that a recipe asks for. */
export function withHeads(config: ModelConfig, { heads, age: { method, ranks } }: HeadChoices): ModelConfig {
  const ordinal: Task = { name: 'Age', kind: 'ordinal', logits: ranks - 1 };
  return {
    ...config,
    ...(method === 'ordinal'
      ? {
          subnets: config.subnets.map((net) => ({
            ...net,
            tasks: net.tasks.map((task) => (task.name === 'Age' ? ordinal : task)),
          })),
        }
      : {}),
    ...(heads.length > 0 ? { extraTasks: [...(config.extraTasks ?? []), ...heads.map((head) => HEADS[head])] } : {}),
  };
}
