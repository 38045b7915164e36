import { Command } from 'commander';
import { type AlignOptions, align } from '../align/align.js';
import { print, wholeNumber } from './shared.js';

/** Images named in the summary. */
const SHOWN = 20;

async function run(options: AlignOptions): Promise<void> {
  const { images, faces, without } = await align({ ...options, print });
  print(`${options.out}: ${faces} faces in ${images} images, ${without.length} images without a face`);
  if (without.length === 0) return;
  print(`Without: ${without.slice(0, SHOWN).join(', ')}${without.length > SHOWN ? ', ...' : ''}`);
}

/** `swinface-trainer align`. */
export const alignCommand = (): Command =>
  new Command('align')
    .description('find faces as the browser does, and write them as a list for training')
    .requiredOption('--photos <path>', 'folder of photographs, or a list NAME.jsonl whose labels are kept')
    .requiredOption('--out <list>', 'list NAME.jsonl to write')
    .requiredOption('--model <file>', "MediaPipe's face_landmarker.task")
    .option('--labels', 'add 72 landmarks and pseudo-labels of 17 action units')
    .option('--limit <count>', 'at most this many images', wholeNumber)
    .action(run);
