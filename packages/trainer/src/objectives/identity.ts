import { type OnnxValue, primitives as p } from '@swinface/core/onnx';
import type { Random } from '../data/random.js';
import type { IdentityRecipe } from '../recipe/recipe.js';
import type { TrainingBatch } from '../tasks/batch.js';
import {
  normalized,
  type Objective,
  type ObjectiveFeeds,
  type ObjectiveParameter,
  type RecordingContext,
  unitRows,
} from './objective.js';

/** Name of the centres among the parameters. */
export const CENTRES = 'objectives.identity.centres';

/** Large margin cosine loss (arXiv:1801.09414) with sampled identities. */
export class CosFace implements Objective {
  readonly tasks = ['Identity'];
  readonly parameters: readonly ObjectiveParameter[];
  /** Centres that take part in a step. */
  readonly rows: number;

  constructor(
    readonly recipe: IdentityRecipe,
    readonly identities: number,
    batch: number,
    feature: number,
  ) {
    this.rows = Math.min(identities, Math.max(batch, Math.ceil(identities * recipe.sampling)));
    this.parameters = [{ name: CENTRES, shape: [identities, feature], rows: this.rows, deviation: 1 }];
  }

  record(context: RecordingContext): OnnxValue {
    return this.loss(context, this.cosines(context));
  }

  /** Cosines between the faces and the centres that take part in the step [B, rows]. */
  cosines({ graph, embedding, parameter }: RecordingContext): OnnxValue {
    if (!embedding) throw new RangeError('CosFace needs the output Recognition');
    return p.gemm(graph, unitRows(graph, embedding), unitRows(graph, parameter(CENTRES)), { transB: true });
  }

  /** The loss [1] of given {@link cosines}. */
  loss({ graph, batch }: RecordingContext, cosines: OnnxValue): OnnxValue {
    const own = graph.input('identity.own', [batch, this.rows]);
    const weight = graph.input('identity.weight', [batch, 1]);
    const lowered = p.sub(graph, cosines, p.mul(graph, own, graph.scalar(this.recipe.margin)));
    const probabilities = p.logSoftmax(graph, p.mul(graph, lowered, graph.scalar(this.recipe.scale)));
    const each = p.mul(graph, p.mul(graph, probabilities, own), weight);
    return p.reshape(graph, p.neg(graph, p.reduceSum(graph, each, [0, 1])), [1]);
  }

  feed({ identity, count }: TrainingBatch, _: number, random: Random): ObjectiveFeeds {
    if (!identity) throw new RangeError('The batch has no identities, which the recipe asks for');
    const { weights, total } = normalized(identity.weight);
    const present = new Set<number>();
    identity.label.forEach((label, face) => {
      if (weights[face] !== 0) present.add(label);
    });
    const rows = sampleRows(present, this.identities, this.rows, random);
    const place = new Map([...rows].map((label, row) => [label, row]));
    const own = new Float32Array(count * this.rows);
    identity.label.forEach((label, face) => {
      const row = weights[face] === 0 ? undefined : place.get(label);
      if (row !== undefined) own[face * this.rows + row] = 1;
    });
    return {
      feeds: {
        'identity.own': { data: own, shape: [count, this.rows] },
        'identity.weight': { data: weights, shape: [count, 1] },
      },
      labelled: [total],
      rows: { [CENTRES]: rows },
    };
  }
}

/** The `wanted` first, then others at random until there are `count`; ascending. */
function sampleRows(wanted: ReadonlySet<number>, total: number, count: number, random: Random): Int32Array {
  if (count === total) return Int32Array.from({ length: total }, (_, row) => row);
  const rows = new Set(wanted);
  while (rows.size < count) rows.add(random.integer(total));
  return Int32Array.from(rows).sort();
}
