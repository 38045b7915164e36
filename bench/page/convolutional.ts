/** The convolutional networks of the benchmark, for the page and for who checks its outputs. */
import type { Network, WeightMap } from '@swinface/core';
import {
  blazeFaceNetwork,
  faceMeshNetwork,
  mobileFaceNetwork,
  parseNetworkFiles,
  readNetworkFile,
} from '@swinface/core/convolutional';
import { syntheticTensor } from '../../packages/testing/src/synthetic.js';

/** Networks by the name that the command line uses. */
const NETWORKS = {
  blazeface: () => blazeFaceNetwork('short'),
  'blazeface-full': () => blazeFaceNetwork('full'),
  mesh: faceMeshNetwork,
  mobilefacenet: mobileFaceNetwork,
} as const;

/** See {@link NETWORKS}. */
export type ConvolutionalName = keyof typeof NETWORKS;

/** The shipped weights of those that find faces; made-up ones of the trunk, whose own are the trainer's affair. */
export async function convolutional(
  name: ConvolutionalName,
  read: (file: string) => Promise<Uint8Array>,
): Promise<{ readonly network: Network; readonly weights: WeightMap }> {
  const network = NETWORKS[name]();
  if (name === 'mobilefacenet') {
    const weights = [...network.tensors].map(([tensor, shape]) => [tensor, syntheticTensor(tensor, shape)] as const);
    return { network, weights: new Map(weights) };
  }
  const { networks } = parseNetworkFiles(JSON.parse(new TextDecoder().decode(await read('face-locator.json'))));
  const file = networks[network.name];
  if (!file) throw new Error(`There is no file of ${network.name}.`);
  return { network, weights: await readNetworkFile(network, file, await read(file.file)) };
}

/** All outputs of each face side by side, face by face. */
export function perFace(
  network: Network,
  outputs: Readonly<Record<string, ArrayLike<number>>>,
  faces: number,
): number[] {
  return Array.from({ length: faces }).flatMap((_, face) =>
    network.outputs.flatMap(({ name }) => {
      const all = outputs[name] ?? [];
      const width = all.length / faces;
      return Array.prototype.slice.call(all, face * width, (face + 1) * width) as number[];
    }),
  );
}
