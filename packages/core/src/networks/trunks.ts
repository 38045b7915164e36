/** The one place that knows every trunk of SwinFace. */
import type { ModelConfig } from '../config.js';
import type { Checkpoint } from './checkpoint.js';
import { mobileFaceTrunk } from './mobileface.js';
import { swin } from './swin.js';
import type { Trunk } from './trunk.js';

/** The trunk that a config asks for. */
export const trunkOf = (config: ModelConfig, checkpoint: Checkpoint): Trunk =>
  config.trunk ? mobileFaceTrunk(config, checkpoint) : swin(config, checkpoint);
