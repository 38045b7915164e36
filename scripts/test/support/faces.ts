import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';

/** A picture whose every number names the same few blots of colour; no face, but as good as one to commands that only pass it on. */
const blots = (seed: number, side: number): Promise<Buffer> => {
  const pixels = Buffer.from(Array.from({ length: 6 * 6 * 3 }, (_, at) => (seed * 89 + at * at * 53 + at * 17) % 256));
  return sharp(pixels, { raw: { width: 6, height: 6, channels: 3 } })
    .resize(side, side, { kernel: 'cubic' })
    .jpeg()
    .toBuffer();
};

/**
 * Writes pictures in the layout of UTKFace, labels in their names.
 *
 * @param folder is made
 */
export async function utkFaces(folder: string, count: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (let i = 0; i < count; i++) {
    await writeFile(join(folder, `${20 + 3 * i}_${i % 2}_${i % 5}_2017011617451${i}.jpg`), await blots(i, 112));
  }
}

/**
 * Writes pictures in the layout of LFW, and pairs of them: as many of one person as of two.
 *
 * @param folder is made; `pairs.txt` lies beside it
 * @returns path of the pairs
 */
export async function lfwFaces(folder: string, people: number): Promise<string> {
  const name = (person: number) => `Person_${String.fromCharCode(65 + (person % people))}`;
  for (let person = 0; person < people; person++) {
    await mkdir(join(folder, name(person)), { recursive: true });
    for (const number of [1, 2]) {
      const file = join(folder, name(person), `${name(person)}_000${number}.jpg`);
      await writeFile(file, await blots(100 + 10 * person + number, 112));
    }
  }
  const numbers = Array.from({ length: people }, (_, person) => person);
  const same = numbers.map((person) => `${name(person)}\t1\t2`);
  const different = numbers.map((person) => `${name(person)}\t1\t${name(person + 1)}\t2`);
  const pairs = join(dirname(folder), 'pairs.txt');
  await writeFile(pairs, `${[people, ...same, ...different].join('\n')}\n`);
  return pairs;
}
