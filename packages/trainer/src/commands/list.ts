import { Command, Option } from 'commander';
import { LAYOUTS, writeList } from '../data/readers/index.js';
import { print } from './shared.js';

/** `swinface-trainer list`. */
export const listCommand = (): Command =>
  new Command('list')
    .description("write the list of a data set that lies as its authors release it, into the data set's folder")
    .requiredOption('--folder <path>', 'the data set')
    .addOption(
      new Option('--layout <name>', 'how its authors lay it out').choices(Object.keys(LAYOUTS)).makeOptionMandatory(),
    )
    .action(async ({ layout, folder }: { layout: string; folder: string }) => {
      const { path, samples, leftOut } = await writeList(layout, folder);
      print(`${path}: ${samples} samples`);
      for (const [reason, count] of Object.entries(leftOut)) print(`left out ${count}: ${reason}`);
    });
