import type { BatchSource, TrainingBatch } from '../batch.js';
import { normalizeRows } from '../teacher/embed.js';
import { Random } from './random.js';
import { TEMPLATE_SIDE } from './similarity.js';
import { SOFTMAX_TASKS } from './source.js';

const AREA = TEMPLATE_SIDE * TEMPLATE_SIDE;

/**
 * Made-up batches whose labels can be read from the pixels: every label of a face follows from the brightness of one region,
 * so a network that learns anything lowers every loss. For tests of the trainer, never for weights that mean something.
 *
 * @param dims length of the teacher's embeddings; 0 for none.
 * @param identities number of identity classes; 0 for none.
 */
export class SyntheticSource implements BatchSource {
  readonly samplesPerEpoch: number;
  private step = 0;

  constructor(
    private readonly batch: number,
    private readonly seed = 1,
    private readonly dims = 0,
    private readonly identities = 0,
  ) {
    this.samplesPerEpoch = batch * 16;
  }

  state(): unknown {
    return { step: this.step };
  }

  restore(state: unknown): void {
    this.step = (state as { step: number }).step;
  }

  async next(): Promise<TrainingBatch> {
    const { batch, dims, identities } = this;
    const random = new Random(this.seed, this.step++);
    const images = new Float32Array(batch * 3 * AREA);
    const years = new Float32Array(batch);
    const target = new Float32Array(batch * dims);
    const label = new Int32Array(batch);
    const ones = () => new Float32Array(batch).fill(1);
    const softmax = Object.fromEntries(
      SOFTMAX_TASKS.map(({ name, logits }) => [name, { target: new Float32Array(batch * logits), weight: ones() }]),
    );
    for (let n = 0; n < batch; n++) {
      // A 4 x 4 board of brightnesses, plus a little noise.
      const board = Float32Array.from({ length: 16 }, () => random.uniform(-0.9, 0.9));
      for (let i = 0; i < 3 * AREA; i++) {
        const cell = Math.floor(((i % AREA) / AREA) * 4) * 4 + Math.floor(((i % TEMPLATE_SIDE) / TEMPLATE_SIDE) * 4);
        images[n * 3 * AREA + i] = (board[cell] ?? 0) + random.uniform(-0.1, 0.1);
      }
      for (const [t, { name, logits }] of SOFTMAX_TASKS.entries()) {
        const level = ((board[t % 16] ?? 0) + 0.9) / 1.8;
        softmax[name]?.target.fill(
          1,
          n * logits + Math.floor(level * logits * 0.9999),
          n * logits + Math.floor(level * logits * 0.9999) + 1,
        );
      }
      years[n] = 40 + 35 * (board[5] ?? 0);
      const row = Float32Array.from({ length: dims }, (_, d) => board[d % 16] ?? 0);
      target.set(row, n * dims);
      label[n] = Math.min(identities - 1, Math.floor((((board[9] ?? 0) + 0.9) / 1.8) * identities));
    }
    normalizeRows(target, Math.max(1, dims));
    return {
      count: batch,
      images,
      softmax,
      age: { years, weight: ones() },
      ...(dims > 0 ? { embedding: { target, weight: ones() } } : {}),
      ...(identities > 0 ? { identity: { label, weight: ones() } } : {}),
    };
  }
}
