import type { Manifest } from '@swinface/core';

/** The seven expressions of SwinFace's Expression task, in its order. */
export const EXPRESSIONS = ['surprise', 'fear', 'disgust', 'happiness', 'sadness', 'anger', 'neutral'] as const;

/** One of the seven expressions. */
export type Expression = (typeof EXPRESSIONS)[number];

/** The two labels of CelebA's "Male", which is what the Gender task was trained on: an appearance, not an identity. */
export type GenderLabel = 'female' | 'male';

/** The 39 yes/no attributes that have an output of their own, named as the tasks are (CelebA's, with spaces). */
export const ATTRIBUTES = [
  'Young',
  'Smiling',
  'Attractive',
  'Blurry',
  'Chubby',
  'Heavy Makeup',
  'Oval Face',
  'Pale Skin',
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
  'Arched Eyebrows',
  'Bags Under Eyes',
  'Bushy Eyebrows',
  'Eyeglasses',
  'Narrow Eyes',
  'Big Nose',
  'Pointy Nose',
  'High Cheekbones',
  'Rosy Cheeks',
  'Wearing Earrings',
  'Sideburns',
  "Five O'Clock Shadow",
  'Big Lips',
  'Mouth Slightly Open',
  'Mustache',
  'Wearing Lipstick',
  'No Beard',
  'Double Chin',
  'Goatee',
  'Wearing Necklace',
  'Wearing Necktie',
] as const;

/** Name of a yes/no attribute, e.g. `'Eyeglasses'` or `'Wearing Hat'`. */
export type AttributeName = (typeof ATTRIBUTES)[number];

/** Apparent age: how old the face looks. */
export interface ApparentAge {
  readonly years: number;
  /** Lower end in years of the interval that held 80 % of held-out faces; absent where the model's errors were not measured. */
  readonly low?: number;
  /** Upper end in years, see {@link ApparentAge.low}. */
  readonly high?: number;
}

/** Apparent gender. */
export interface GenderResult {
  readonly label: GenderLabel;
  /** Sum to 1. */
  readonly probabilities: Readonly<Record<GenderLabel, number>>;
}

/** The likeliest expression, and the probability of each: `face.expression.happiness`. The seven sum to 1. */
export type ExpressionResult = { readonly label: Expression } & Readonly<Record<Expression, number>>;

/** Result of a head that the paper's list does not have, by the kind of its task. */
export type ExtraResult =
  | {
      readonly kind: 'softmax';
      /** The likeliest label; its index as text where the task names no labels. */
      readonly label: string;
      /** In the task's order; sum to 1. */
      readonly probabilities: readonly number[];
    }
  | { readonly kind: 'regression'; readonly values: readonly number[] }
  | {
      readonly kind: 'sigmoid';
      /** Independent probabilities, in the task's order. */
      readonly probabilities: readonly number[];
      readonly decisions: readonly boolean[];
    }
  | {
      readonly kind: 'ordinal';
      /** Number of thresholds passed with probability above one half (arXiv:2403.00561): 0..K-1. */
      readonly rank: number;
      /** Sum of the probabilities: the expected rank. */
      readonly expected: number;
      /** P(rank > k) for k = 0..K-2. */
      readonly probabilities: readonly number[];
    };

/** What the network says about one face. Outputs that were not asked for, or that the model was not trained for, are absent. */
export interface FaceAnalysis {
  /** Identity, [feature], length 1. Compare only with embeddings of the same model. */
  readonly embedding?: Float32Array;
  /**
   * Whether this face's embedding can be trusted, 0..1: from one half on, the measured thresholds hold. Below, the embedding
   * says more of a fault of the picture (darkness, noise, blur, a covered face, no face) than of who it is. Absent where
   * the model was not measured for it.
   */
  readonly recognisability?: number;
  readonly age?: ApparentAge;
  readonly gender?: GenderResult;
  readonly expression?: ExpressionResult;
  /** Yes/no answers at the model's calibrated thresholds. */
  readonly attributes: Readonly<Partial<Record<AttributeName, boolean>>>;
  /** Probability of "yes", 0..1. */
  readonly attributeProbabilities: Readonly<Partial<Record<AttributeName, number>>>;
  /** Further heads by task name. */
  readonly extra: Readonly<Record<string, ExtraResult>>;
}

/**
 * Where the head points, in degrees; all zero for a face that looks straight into an upright camera.
 * Signs are as seen in the image: `yaw` > 0 turns the nose towards the image's right edge, `pitch` > 0 raises it
 * towards the top edge, `roll` > 0 tilts the head clockwise.
 */
export interface HeadPose {
  readonly yaw: number;
  readonly pitch: number;
  readonly roll: number;
}

/**
 * What is said of two faces: "same" from the threshold on, "different" below the similarity from which strangers begin to
 * be rare, "unsure" between the two, where both are common.
 */
export type Verdict = 'same' | 'unsure' | 'different';

/** Two faces compared. Whatever is measured is absent where the model has no measured operating points. */
export interface Comparison {
  /** Cosine of the two embeddings, -1..1. */
  readonly similarity: number;
  readonly verdict?: Verdict;
  /**
   * Present where the verdict is "unsure" whatever the similarity, since a picture is too poor: the `recognisability` of one
   * of the two faces is below one half. The measured rates do not hold for it.
   */
  readonly reason?: 'unrecognisable';
  /** Similarity from which these two are "same" at this operating point. */
  readonly threshold?: number;
  /** Share of pairs of strangers who are "same" at this operating point, as measured. */
  readonly falseMatchRate?: number;
  /** Similarity below which these two are "different": the threshold of the least strict rate that was measured. */
  readonly differentBelow?: number;
  /** Share of pairs of one person who are "different", as measured. */
  readonly missRate?: number;
}

/** Two faces verified at a measured operating point. */
export interface Verification extends Required<Omit<Comparison, 'reason'>>, Pick<Comparison, 'reason'> {
  /** Share of pairs of one person who are not "same" at this operating point, "unsure" or "different", as measured. */
  readonly falseNonMatchRate: number;
}

/** A face as matching needs it; every `Face` is one. */
export interface Embedded {
  readonly embedding?: Float32Array;
  /** Id of the model that computed the embedding. */
  readonly model: string;
  /**
   * How alike the pictures are that an embedding was averaged from, 0..1: the length of the mean of their embeddings.
   * 1, or absent, for one picture. Averages come nearer to everybody, so their thresholds are higher.
   */
  readonly agreement?: number;
  /** As {@link FaceAnalysis.recognisability}; below one half, nothing is decided about this face. Not checked where absent. */
  readonly recognisability?: number;
}

/** A candidate of `match`. */
export interface Match extends Comparison {
  /** Index into the candidates. */
  readonly index: number;
}

/** An entry found by a search. */
export interface GalleryMatch {
  readonly id: string;
  /** Cosine similarity, -1..1. */
  readonly similarity: number;
  /** Of the entry, see {@link Embedded.agreement}; 1 for one picture. */
  readonly agreement: number;
}

/** An entry that `Gallery.identify` takes for the face. */
export interface Identification extends GalleryMatch {
  /** Similarity from which this entry counts as the face. */
  readonly threshold: number;
  /** Share of pairs of strangers that match at this operating point, as measured. */
  readonly falseMatchRate: number;
  /** As {@link IdentificationRates.falseIdentificationRate}. */
  readonly falseIdentificationRate: number;
}

/** How often `Gallery.identify` is wrong at an operating point, with as many entries as the gallery has now. */
export interface IdentificationRates {
  /** Share of pairs of strangers that match, as measured. */
  readonly falseMatchRate: number;
  /**
   * How often a person who is not in this gallery would be taken for one of its entries: 1 - (1 - falseMatchRate)^size,
   * as if comparisons were independent. It grows with the gallery; choose a stricter rate for a large one.
   */
  readonly falseIdentificationRate: number;
  /** Share of pairs of one person that do not match, as measured: how often somebody who is in it is not recognised. */
  readonly falseNonMatchRate: number;
}

/** Known faces that are searched by likeness: in memory ({@link Gallery}) or in a database of the caller's. */
export interface FaceIndex {
  /** Id of the model whose embeddings it holds. */
  readonly model: string;
  /**
   * Adds a face under an id of its own.
   *
   * @throws {InvalidInputError} if the id is empty or taken, or the face is of another model, has no usable embedding, or
   *   is not recognisable
   */
  add(id: string, face: Embedded): Promise<void> | void;
  /** Removes an entry; false if there is none of this id. */
  remove(id: string): Promise<boolean> | boolean;
  /**
   * The `k` entries most similar to a face, best first; fewer where there are fewer.
   *
   * @throws {InvalidInputError} if the face is of another model or has no usable embedding, or `k` is not a positive integer
   */
  search(face: Embedded, k?: number): Promise<readonly GalleryMatch[]> | readonly GalleryMatch[];
}

/** What a gallery needs to know of a model; every `Manifest` is one. */
export interface GalleryModel extends Pick<Manifest, 'id'> {
  readonly config: Pick<Manifest['config'], 'feature' | 'embedding'>;
  readonly calibration: Pick<Manifest['calibration'], 'verification'>;
}

/** A gallery as plain data, for `structuredClone`, IndexedDB or JSON. */
export interface GalleryData {
  readonly format: 'swinface-gallery';
  readonly version: 1;
  /** Id of the model that computed the embeddings. */
  readonly model: string;
  readonly dimensions: number;
  readonly ids: readonly string[];
  /** [ids.length * dimensions], row-major; an array of numbers in JSON. */
  readonly embeddings: Float32Array | readonly number[];
  /** [ids.length], see {@link Embedded.agreement}. */
  readonly agreements: readonly number[];
}
