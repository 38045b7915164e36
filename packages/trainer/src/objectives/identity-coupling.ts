import { InvalidInputError } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { type OnnxValue, primitives as p } from '@swinface/core/onnx';
import { ATTRIBUTE_TASKS } from '../data/labels.js';
import type { Random } from '../data/random.js';
import type { CouplingForm } from '../recipe/recipe.js';
import type { TrainingBatch } from '../tasks/batch.js';
import { annotation, matching } from './coupling.js';
import { CENTRES, type CosFace } from './identity.js';
import {
  type Feed,
  normalized,
  type Objective,
  type ObjectiveFeeds,
  type ObjectiveParameter,
  type RecordingContext,
} from './objective.js';
import { binaryCrossEntropy } from './questions.js';

/** Attributes that are coupled with identities. */
const WIDTH = ATTRIBUTE_TASKS.length;

/** Keeps a vote defined where the labelled attributes say nothing about an identity. */
const TINY = 1e-6;

/** Which of the two couplings are learnt, and their form. */
export interface IdentityCouplingOptions {
  readonly coupling: 'dm' | 'sca' | 'both';
  readonly form: CouplingForm;
  /** p(attribute | identity) [identities, 40] of the training faces; NaN where no face says it. */
  readonly attributes: Float32Array;
}

/**
 * Identities learnt by CosFace and coupled with the 40 attributes (arXiv:2401.01219), the relatedness counted from the
 * labels. The posterior of the identities is the softmax over the step's centres, without margin.
 *
 * Distribution matching, on every face: q(attribute) = sum over identities of p(identity) p(attribute | identity), against
 * the predicted p(attribute). Soft co-annotation: a face with attributes but without identity is learnt towards the softmax
 * of its attributes' votes, each identity's vote being the share of its attributes (weighted by how often they are
 * seen on it) that the face shows; of an identity's face, attributes that are not labelled are learnt towards those of
 * the identity.
 */
export class CoupledIdentity implements Objective {
  readonly tasks: readonly string[];
  readonly parameters: readonly ObjectiveParameter[];
  readonly #matching: boolean;
  readonly #annotation: boolean;
  readonly #form: CouplingForm;
  readonly #attributes: Float32Array;
  /** The same without gaps: an identity of which nothing is known is taken for the mean of the others. */
  readonly #complete: Float32Array;

  /** @throws {InvalidInputError} if the attributes are not of CosFace's identities */
  constructor(
    readonly cosFace: CosFace,
    { coupling, form, attributes }: IdentityCouplingOptions,
  ) {
    if (attributes.length !== cosFace.identities * WIDTH) {
      throw new InvalidInputError('The attributes of the identities do not fit the identities.', {
        expected: `${cosFace.identities} x ${WIDTH} values`,
        actual: String(attributes.length),
      });
    }
    this.#matching = coupling !== 'sca';
    this.#annotation = coupling !== 'dm';
    this.#form = form;
    this.#attributes = attributes;
    this.#complete = withoutGaps(attributes);
    this.tasks = [
      ...cosFace.tasks,
      ...(this.#matching ? ['Identity matching'] : []),
      ...(this.#annotation ? ['Identity annotation', 'Attribute annotation'] : []),
    ];
    this.parameters = cosFace.parameters;
  }

  record(context: RecordingContext): OnnxValue {
    const { graph, batch } = context;
    const cosines = this.cosFace.cosines(context);
    const scaled = p.mul(graph, cosines, graph.scalar(this.cosFace.recipe.scale));
    const table = graph.input('identity.table', [this.cosFace.rows, WIDTH]);
    const logits = attributeLogits(context);
    const losses = [this.cosFace.loss(context, cosines)];
    if (this.#matching) {
      const foretold = p.gemm(graph, p.softmax(graph, scaled), table);
      losses.push(matching(context, logits, foretold, this.#form));
    }
    if (this.#annotation) {
      const input = (name: string, width: number) => graph.input(`annotation.${name}`, [batch, width]);
      const against = (table: OnnxValue, values: OnnxValue) => p.gemm(graph, values, table, { transB: true });
      const sum = (each: OnnxValue) => p.reshape(graph, p.reduceSum(graph, each, [0, 1]), [1]);
      const possible = p.add(graph, against(table, input('labelled', WIDTH)), graph.scalar(TINY));
      const votes = p.div(graph, against(table, input('present', WIDTH)), possible);
      const entropy = annotation(graph, scaled, p.softmax(graph, votes), this.#form);
      losses.push(sum(p.mul(graph, entropy, input('strangers', 1))));
      const each = binaryCrossEntropy(graph, logits, input('attributes', WIDTH));
      losses.push(sum(p.mul(graph, each, input('gaps', WIDTH))));
    }
    return p.concat(graph, losses, 0);
  }

  feed(batch: TrainingBatch, progress: number, random: Random): ObjectiveFeeds {
    const given = this.cosFace.feed(batch, progress, random);
    const rows = given.rows?.[CENTRES] ?? new Int32Array();
    const table = new Float32Array(rows.length * WIDTH);
    rows.forEach((identity, row) => {
      table.set(this.#complete.subarray(identity * WIDTH, (identity + 1) * WIDTH), row * WIDTH);
    });
    const annotations = this.#annotation ? this.#annotate(batch) : { feeds: {}, labelled: [] };
    return {
      ...given,
      feeds: { ...given.feeds, 'identity.table': { data: table, shape: [rows.length, WIDTH] }, ...annotations.feeds },
      labelled: [...given.labelled, ...(this.#matching ? [batch.count] : []), ...annotations.labelled],
    };
  }

  #annotate({ identity, softmax, count }: TrainingBatch): ObjectiveFeeds {
    const vector = () => new Float32Array(count * WIDTH);
    const [present, labelled, target, gaps] = [vector(), vector(), vector(), vector()];
    const strangers = new Float32Array(count);
    let incomplete = 0;
    for (let face = 0; face < count; face++) {
      const known = identity?.weight[face] ? identity.label[face] : undefined;
      let [labels, missing] = [0, 0];
      ATTRIBUTE_TASKS.forEach((task, column) => {
        const place = face * WIDTH + column;
        const label = softmax[task];
        if (label?.weight[face]) {
          labels++;
          labelled[place] = 1;
          present[place] = at(label.target, 2 * face + 1);
        } else if (known !== undefined) {
          const share = at(this.#attributes, known * WIDTH + column);
          if (Number.isNaN(share)) return;
          missing++;
          target[place] = share;
          gaps[place] = 1;
        }
      });
      if (known === undefined && labels > 0) strangers[face] = 1;
      if (missing > 0) incomplete++;
    }
    const { weights, total } = normalized(strangers);
    const wide = (data: Float32Array): Feed => ({ data, shape: [count, WIDTH] });
    return {
      feeds: {
        'annotation.present': wide(present),
        'annotation.labelled': wide(labelled),
        'annotation.attributes': wide(target),
        'annotation.gaps': wide(gaps.map((gap) => gap / Math.max(1, incomplete))),
        'annotation.strangers': { data: weights, shape: [count, 1] },
      },
      labelled: [total, incomplete],
    };
  }
}

/** log p(yes) - log p(no) of each attribute [B, 40]; a product with a constant, so that its gradient is one too. */
function attributeLogits({ graph, selection, logits }: RecordingContext): OnnxValue {
  if (!logits) throw new RangeError('Identities are coupled with the task outputs');
  const differences = new Float32Array(selection.logits * WIDTH);
  ATTRIBUTE_TASKS.forEach((name, column) => {
    const place = selection.tasks.find(({ task }) => task.name === name);
    if (!place) throw new RangeError(`The network has no output ${name}`);
    differences[place.offset * WIDTH + column] = -1;
    differences[(place.offset + 1) * WIDTH + column] = 1;
  });
  return p.gemm(graph, logits, graph.constant(differences, [selection.logits, WIDTH]));
}

/** Fills in each gap with the mean of the column; one half where a column is nothing but gaps. */
function withoutGaps(attributes: Float32Array): Float32Array {
  const sums = new Float64Array(WIDTH);
  const counts = new Float64Array(WIDTH);
  attributes.forEach((share, place) => {
    if (Number.isNaN(share)) return;
    sums[place % WIDTH] = at(sums, place % WIDTH) + share;
    counts[place % WIDTH] = at(counts, place % WIDTH) + 1;
  });
  return attributes.map((share, place) => {
    if (!Number.isNaN(share)) return share;
    const count = at(counts, place % WIDTH);
    return count === 0 ? 0.5 : at(sums, place % WIDTH) / count;
  });
}
