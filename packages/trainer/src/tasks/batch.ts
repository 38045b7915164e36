/** Soft labels of one softmax task over a batch. */
export interface SoftmaxTarget {
  /** Target distributions [B, K], row-major. */
  readonly target: Float32Array;
  /** Weight of each sample [B]; 0 where the sample has no label for this task. */
  readonly weight: Float32Array;
}

/** Numbers to reproduce or questions to answer over a batch: landmarks, action units. */
export interface VectorTarget {
  /** [B, K], row-major. */
  readonly target: Float32Array;
  /** Weight of each sample [B]; 0 where it has no label. */
  readonly weight: Float32Array;
}

/** Faces of one training step with whatever labels each has. B is `count`. */
export interface TrainingBatch {
  readonly count: number;
  /** RGB in [-1, 1], [B, 3, 112, 112]; empty where the batch is of feature maps. */
  readonly images: Float32Array;
  /** Feature maps of a frozen trunk, level after level, [B, H*W, C]. */
  readonly levels?: readonly Float32Array[];
  /** By task name: Gender, Expression and the 40 attributes; an absent task has no labels in this batch. */
  readonly softmax: Readonly<Record<string, SoftmaxTarget>>;
  /** Age in years [B], the weight of each label [B], and its standard deviation in years [B]; 0 where it is not known. */
  readonly age: { readonly years: Float32Array; readonly weight: Float32Array; readonly sigma?: Float32Array };
  /** What a teacher says of the face: unit vectors [B, D]. */
  readonly embedding?: { readonly target: Float32Array; readonly weight: Float32Array };
  /** Class of the person among the identities of the training set [B]. */
  readonly identity?: { readonly label: Int32Array; readonly weight: Float32Array };
  /** Yes (1) or no (0) to each question of the heads of kind `sigmoid`, such as action units, by task name. */
  readonly sigmoid?: Readonly<Record<string, VectorTarget>>;
  /** Values of the heads of kind `regression` beside the age, such as landmarks, by task name. */
  readonly regression?: Readonly<Record<string, VectorTarget>>;
}

/** An endless stream of batches that can be written to a checkpoint and taken up again at the very next batch. */
export interface BatchSource {
  next(): Promise<TrainingBatch>;
  /** Position of the stream as plain JSON: what `next` will give depends on it and on the data alone. */
  state(): unknown;
  restore(state: unknown): void;
  readonly samplesPerEpoch: number;
}
