import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FaceSample } from '../samples.js';
import { fivePoints } from './attributes.js';
import { lines, table, words } from './text.js';

const FER_FOLDERS: Readonly<Record<string, readonly [folder: string, split: string]>> = {
  Training: ['FER2013Train', 'train'],
  PublicTest: ['FER2013Valid', 'val'],
  PrivateTest: ['FER2013Test', 'test'],
};
const FER_VOTES = 'neutral happiness surprise sadness anger disgust fear contempt unknown NF'.split(' ');

/** FER+: `fer2013new.csv` and the images that its script writes, `FER2013Train/fer0000000.png` and so on. */
export async function readFerPlus(folder: string): Promise<FaceSample[]> {
  const text = await readFile(join(folder, 'fer2013new.csv'), 'utf8');
  return table(text, 'fer2013new.csv', ['Usage', 'Image name', ...FER_VOTES]).flatMap((row) => {
    const file = row('Image name');
    const [place, split] = FER_FOLDERS[row('Usage')] ?? [];
    // Images that were found to be no faces have no name.
    if (file === '' || place === undefined || split === undefined) return [];
    const votes = Object.fromEntries(FER_VOTES.map((name) => [name, Number(row(name))]));
    return [{ key: file.replace(/\.\w+$/, ''), file: `${place}/${file}`, points: null, votes, split }];
  });
}

const RAF_EXPRESSIONS = ['surprise', 'fear', 'disgust', 'happiness', 'sadness', 'anger', 'neutral'];
const RAF_RACES = ['white', 'black', 'asian'];

/**
 * RAF-DB, basic expressions: `EmoLabel/list_patition_label.txt`, `Image/original` and `Annotation/manual` (five points,
 * gender, race). Its age groups are too wide to be ages and are left out.
 */
export async function readRafDb(folder: string): Promise<FaceSample[]> {
  const list = lines(await readFile(join(folder, 'EmoLabel', 'list_patition_label.txt'), 'utf8'));
  const samples: FaceSample[] = [];
  for (const line of list) {
    const [file = '', label] = words(line);
    const key = file.replace(/\.\w+$/, '');
    const expression = RAF_EXPRESSIONS[Number(label) - 1];
    if (expression === undefined) continue;
    const manual = lines(await readFile(join(folder, 'Annotation', 'manual', `${key}_manu_attri.txt`), 'utf8'));
    const race = RAF_RACES[Number(manual[6])];
    const gender = (['male', 'female'] as const)[Number(manual[5])];
    samples.push({
      key,
      file: `Image/original/${file}`,
      points: fivePoints(manual.slice(0, 5).flatMap((point) => words(point).map(Number))),
      votes: { [expression]: 1 },
      split: key.startsWith('train') ? 'train' : 'test',
      ...(gender === undefined ? {} : { gender }),
      ...(race === undefined ? {} : { race }),
    });
  }
  return samples;
}

const AFFECTNET = ['neutral', 'happiness', 'sadness', 'surprise', 'fear', 'disgust', 'anger', 'contempt'];

/** Five points from 68: the middles of the eyes' outlines, the nose's tip, the mouth's corners. */
function fromSixtyEight(v: readonly number[]): ReturnType<typeof fivePoints> {
  if (v.length !== 136) return null;
  const middle = (from: number, to: number): number[] => {
    let [x, y] = [0, 0];
    for (let i = from; i <= to; i++) {
      x += (v[2 * i] ?? 0) / (to - from + 1);
      y += (v[2 * i + 1] ?? 0) / (to - from + 1);
    }
    return [x, y];
  };
  return fivePoints([middle(36, 41), middle(42, 47), middle(30, 30), middle(48, 48), middle(54, 54)].flat());
}

/**
 * AffectNet, manually annotated: `training.csv`, `validation.csv` and `Manually_Annotated_Images`. Faces that are none of the
 * eight expressions (none, uncertain, no face) are left out.
 */
export async function readAffectNet(folder: string): Promise<FaceSample[]> {
  const samples: FaceSample[] = [];
  for (const [name, split] of [
    ['training.csv', 'train'],
    ['validation.csv', 'val'],
  ] as const) {
    const text = await readFile(join(folder, name), 'utf8');
    for (const row of table(text, name, ['subDirectory_filePath', 'facial_landmarks', 'expression'])) {
      const expression = AFFECTNET[Number(row('expression'))];
      if (expression === undefined) continue;
      const file = row('subDirectory_filePath');
      samples.push({
        key: file.replace(/\.\w+$/, ''),
        file: `Manually_Annotated_Images/${file}`,
        points: fromSixtyEight(row('facial_landmarks').split(';').map(Number)),
        votes: { [expression]: 1 },
        split,
      });
    }
  }
  return samples;
}
