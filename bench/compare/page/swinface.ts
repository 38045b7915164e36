import { cosineSimilarity } from '@swinface/postprocessing';
import { FaceAnalyzer, type FaceAnalyzerOptions } from 'swinface';
import type { Contestant, StreamFigures } from './human.js';

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
    stream: (video, seconds) => follow(analyzer, video, seconds),
  };
}

/** The stream with its defaults, counted from its second second on. */
async function follow(analyzer: FaceAnalyzer, video: HTMLVideoElement, seconds: number): Promise<StreamFigures> {
  const latencies: number[] = [];
  const rates: number[] = [];
  let begun = 0;
  let start = 0;
  for await (const { faces, latency, analysisRate } of analyzer.stream(video)) {
    const now = performance.now();
    begun ||= now;
    if (now - begun < 1000) continue;
    if (start > 0) {
      if (faces.length > 0) latencies.push(latency);
      rates.push(analysisRate);
    }
    start ||= now;
    if (now - start >= 1000 * seconds) break;
  }
  const elapsed = (performance.now() - start) / 1000;
  const analyses = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  return { frames: latencies.length / elapsed, analyses, latencies };
}
