import type { Engine, Network, WeightMap } from '@swinface/core';
import { blazeFaceNetwork, faceMeshNetwork, RemoteNetworks } from '@swinface/core/convolutional';
import { fetchAddress } from '@swinface/core/internal';

/** A network that is ready to run; core's engines are. */
export type PictureNetwork = Pick<Engine, 'maxFaces' | 'description' | 'run' | 'dispose'>;

/** The three networks that find faces. */
export interface LocatorNetworks {
  /** BlazeFace for faces within five metres: sees small ones, misses some that fill the picture. */
  readonly full: PictureNetwork;
  /** BlazeFace for faces within two metres. */
  readonly short: PictureNetwork;
  readonly mesh: PictureNetwork;
}

/** Where the weights are, and what runs them. */
export interface BlazeFaceOptions {
  /** Address of `face-locator.json` on this origin; its files lie beside it. */
  readonly weights: string | URL;
  /** Makes a network ready to run, for a few pictures at a time. */
  readonly openEngine: (network: Network, weights: WeightMap, signal?: AbortSignal) => Promise<PictureNetwork>;
  /** False keeps nothing in the browser's Cache Storage, and looks for nothing there. Default true. */
  readonly cache?: boolean;
  readonly signal?: AbortSignal;
}

const HINT = 'Serve the files of @swinface/models at this address.';

/**
 * Fetches, checks and opens the networks.
 *
 * @throws as `BlazeFaceLocator.create`
 */
export async function loadNetworks({
  weights,
  openEngine,
  cache,
  signal,
}: BlazeFaceOptions): Promise<{ readonly networks: LocatorNetworks; readonly description: string }> {
  const address = fetchAddress(weights, "the face locator's weights", '/models/face-locator.json', HINT);
  const remote = await RemoteNetworks.open(address, { cache, signal, hint: HINT });
  const opened: PictureNetwork[] = [];
  const open = async (network: Network): Promise<PictureNetwork> => {
    const engine = await openEngine(network, await remote.read(network), signal);
    opened.push(engine);
    return engine;
  };
  try {
    const full = await open(blazeFaceNetwork('full'));
    const short = await open(blazeFaceNetwork('short'));
    const mesh = await open(faceMeshNetwork());
    signal?.throwIfAborted();
    await remote.keep();
    return { networks: { full, short, mesh }, description: full.description };
  } catch (error) {
    for (const engine of opened) engine.dispose();
    throw error;
  }
}
