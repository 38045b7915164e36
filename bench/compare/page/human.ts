/** A library behind the questions of the comparison. */
export interface Contestant {
  /** Which engine it chose. */
  readonly description: string;
  /** Everything that the library says of each face of a photo; the number of faces. */
  analyze(image: ImageBitmap): Promise<number>;
  /** Embedding of the largest face; empty where none is found. */
  embed(image: ImageBitmap): Promise<Float32Array>;
  /** As the library measures it; more is more alike. */
  similarity(a: Float32Array, b: Float32Array): number;
  /** Follows the faces of a playing video for some time; absent where the comparison does not measure it. */
  stream?(video: HTMLVideoElement, seconds: number): Promise<StreamFigures>;
}

/** How a library keeps up with a video. */
export interface StreamFigures {
  /** Frames with the landmarks of a face, per second. */
  readonly frames: number;
  /** Looks of the recognition network, per second. */
  readonly analyses: number;
  /** Milliseconds from a frame being shown to its answer, of each frame. */
  readonly latencies: readonly number[];
}

/** @vladmandic/human with its face models, its caching between frames switched off, everything else as it comes. */
export async function openHuman(backend: 'wasm' | 'humangl'): Promise<Contestant> {
  const { Human } = await import('@vladmandic/human');
  const human = new Human({
    backend,
    modelBasePath: '/human',
    wasmPath: '/tfjs/',
    cacheSensitivity: 0,
    warmup: 'none',
    filter: { enabled: false },
    body: { enabled: false },
    hand: { enabled: false },
    gesture: { enabled: false },
    object: { enabled: false },
    segmentation: { enabled: false },
    face: {
      enabled: true,
      detector: { maxDetected: 20, rotation: true },
      mesh: { enabled: true },
      iris: { enabled: true },
      description: { enabled: true },
      emotion: { enabled: true },
      antispoof: { enabled: false },
      liveness: { enabled: false },
    },
  });
  await human.load();
  const detect = async (image: ImageBitmap) => (await human.detect(image)).face;
  return {
    description: `human ${human.version}, tfjs ${human.tf.getBackend()}`,
    analyze: async (image) => (await detect(image)).length,
    embed: async (image) => {
      const faces = await detect(image);
      const area = ({ box }: (typeof faces)[number]) => box[2] * box[3];
      const [largest] = [...faces].sort((a, b) => area(b) - area(a));
      return Float32Array.from(largest?.embedding ?? []);
    },
    similarity: (a, b) => human.match.similarity([...a], [...b]),
  };
}
