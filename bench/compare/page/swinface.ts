import { cosineSimilarity } from '@swinface/postprocessing';
import { FaceAnalyzer } from 'swinface';
import type { Contestant } from './human.js';

/** This SDK with the default weights, in its worker. */
export async function openSwinFace(engine: 'auto' | 'webgpu', smallestFace?: number): Promise<Contestant> {
  const analyzer = await FaceAnalyzer.create({
    model: '/assets/models/swinface-nano.json',
    engine,
    ...(smallestFace === undefined ? {} : { smallestFace }),
  });
  return {
    description: `swinface, ${analyzer.engine.description}`,
    analyze: async (image) => (await analyzer.analyze(image)).length,
    embed: async (image) => (await analyzer.analyze(image))[0]?.embedding ?? new Float32Array(),
    similarity: cosineSimilarity,
  };
}
