/** A training of its own process, for tests that end it: `node sitting.mjs FOLDER`; a checkpoint after every step. */
import { soakCount } from '../../../../../scripts/lib/soak.mjs';
import { train } from '../../../src/train/train.js';
import { everythingRecipe, TINY_IDENTITIES, TinySource } from './tiny.js';

/** How often the run is killed. */
export const KILLS = soakCount('kills', 3);

/** The run that is killed and, in one piece, the run that it is compared with. */
export const killedRecipe = () => everythingRecipe({ length: { steps: 4 * KILLS } });

export const killedOptions = (out: string) => ({
  ...TINY_IDENTITIES,
  out,
  device: 'cpu' as const,
  threads: 1,
  checkpointMinutes: 0,
  validation: new TinySource(),
});

export const main = (out: string, resume: boolean) =>
  train(killedRecipe(), new TinySource(), { ...killedOptions(out), resume });
