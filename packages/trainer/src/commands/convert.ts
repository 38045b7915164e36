import { Command, Option } from 'commander';
import { CONVERT_FORMATS, type ConvertOptions, convert } from '../convert/index.js';
import { print } from './shared.js';

/** `swinface-trainer convert`. */
export const convertCommand = (): Command =>
  new Command('convert')
    .description('turn weights of a PyTorch checkpoint, a safetensors file or a manifest into another kind of file')
    .argument('<file>', 'the weights')
    .requiredOption('--out <path>', 'output without its extension, such as models/swinface-t')
    .addOption(
      new Option('--to <format>', 'swinface: manifest and shards for web pages')
        .choices([...CONVERT_FORMATS])
        .default('swinface'),
    )
    .option('--licence <text>', 'terms of the weights, for the manifest')
    .action(async (file: string, options: Omit<ConvertOptions, 'file' | 'print'>) => {
      await convert({ ...options, file, print });
    });
