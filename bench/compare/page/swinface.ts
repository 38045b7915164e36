import { cosineSimilarity } from '@swinface/postprocessing';
import { FaceAnalyzer, type FaceAnalyzerOptions } from 'swinface';
import type { Contestant } from './human.js';

/** This SDK with the default weights, in its worker. */
export async function openSwinFace(
  options: Pick<FaceAnalyzerOptions, 'engine' | 'locator' | 'smallestFace'>,
): Promise<Contestant> {
  const analyzer = await FaceAnalyzer.create({ model: '/assets/models/swinface-mobile.json', ...options });
  return {
    description: `swinface, ${analyzer.engine.description}; ${analyzer.locator?.description}`,
    analyze: async (image) => (await analyzer.analyze(image)).length,
    embed: async (image) => (await analyzer.analyze(image))[0]?.embedding ?? new Float32Array(),
    similarity: cosineSimilarity,
  };
}
