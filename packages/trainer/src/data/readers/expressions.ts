import { join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { readText } from '../../files/read.js';
import { type FaceSample, known } from '../samples.js';
import { fivePoints } from './attributes.js';
import { choice, count, type LeaveOut } from './fields.js';
import { lines, table, words } from './text.js';

const FER_FOLDERS = {
  training: 'FER2013Train',
  publictest: 'FER2013Valid',
  privatetest: 'FER2013Test',
} as const;
const FER_SPLITS = { FER2013Train: 'train', FER2013Valid: 'val', FER2013Test: 'test' } as const;
const FER_VOTES = 'neutral happiness surprise sadness anger disgust fear contempt unknown NF'.split(' ');
/** Each face was shown to ten people; some releases have more. */
const MAX_VOTES = 100;

/** FER+: `fer2013new.csv` and the images that its script writes, `FER2013Train/fer0000000.png` and so on. */
export async function readFerPlus(folder: string, leaveOut: LeaveOut = () => {}): Promise<FaceSample[]> {
  const path = join(folder, 'fer2013new.csv');
  const rows = table(await readText(path, "FER+'s table"), path, ['Usage', 'Image name', ...FER_VOTES]);
  return rows.flatMap((row) => {
    const file = row.field('Image name');
    const place = choice(row.where, row.field('Usage'), FER_FOLDERS);
    // Images that were found to be no faces have no name.
    if (file === '' || place === undefined) {
      leaveOut(file === '' ? 'no name: found to be no face' : 'no usage');
      return [];
    }
    const votes = Object.fromEntries(FER_VOTES.map((name) => [name, count(row.where, row.field(name), MAX_VOTES)]));
    return [
      { key: file.replace(/\.\w+$/, ''), file: `${place}/${file}`, points: null, votes, split: FER_SPLITS[place] },
    ];
  });
}

const RAF_EXPRESSIONS = ['surprise', 'fear', 'disgust', 'happiness', 'sadness', 'anger', 'neutral'];
const RAF_GENDERS = { 0: 'male', 1: 'female', 2: undefined } as const;
const RAF_RACES = { 0: 'white', 1: 'black', 2: 'asian' } as const;

/**
 * RAF-DB, basic expressions: `EmoLabel/list_patition_label.txt`, `Image/original` and `Annotation/manual` (five points,
 * gender, race). Its age groups are too wide to be ages and are left out.
 */
export async function readRafDb(folder: string): Promise<FaceSample[]> {
  const path = join(folder, 'EmoLabel', 'list_patition_label.txt');
  const samples: FaceSample[] = [];
  for (const { text, where } of lines(await readText(path, "RAF-DB's labels"), path)) {
    const [file = '', label = ''] = words(text);
    const key = file.replace(/\.\w+$/, '');
    const expression = RAF_EXPRESSIONS[count(where, label, RAF_EXPRESSIONS.length) - 1];
    if (expression === undefined) {
      throw new InvalidInputError(`${where} holds a label that is not known.`, { expected: '1 to 7', actual: label });
    }
    const notes = join(folder, 'Annotation', 'manual', `${key}_manu_attri.txt`);
    const manual = lines(await readText(notes, "RAF-DB's annotation of a face"), notes);
    const word = (line: number) => manual[line]?.text.trim() ?? '';
    const at = (line: number) => manual[line]?.where ?? notes;
    samples.push({
      key,
      file: `Image/original/${file}`,
      points: fivePoints(manual.slice(0, 5).flatMap((point) => words(point.text).map(Number))),
      votes: { [expression]: 1 },
      split: key.startsWith('train') ? 'train' : 'test',
      ...known({ gender: choice(at(5), word(5), RAF_GENDERS), race: choice(at(6), word(6), RAF_RACES) }),
    });
  }
  return samples;
}

/** In the order of the labels; the last three are no expressions. */
const AFFECTNET = ['neutral', 'happiness', 'sadness', 'surprise', 'fear', 'disgust', 'anger', 'contempt'];
const AFFECTNET_OTHERS = ['none of the expressions', 'an uncertain expression', 'no face'];

/** Five points from 68: the middles of the eyes' outlines, the nose's tip, the mouth's corners. */
function fromSixtyEight(v: readonly number[]): ReturnType<typeof fivePoints> {
  if (v.length !== 136) return null;
  const middle = (from: number, to: number): number[] => {
    let [x, y] = [0, 0];
    for (let i = from; i <= to; i++) {
      x += at(v, 2 * i) / (to - from + 1);
      y += at(v, 2 * i + 1) / (to - from + 1);
    }
    return [x, y];
  };
  return fivePoints([middle(36, 41), middle(42, 47), middle(30, 30), middle(48, 48), middle(54, 54)].flat());
}

/**
 * AffectNet, manually annotated: `training.csv`, `validation.csv` and `Manually_Annotated_Images`. Faces that are none of the
 * eight expressions (none, uncertain, no face) are left out.
 */
export async function readAffectNet(folder: string, leaveOut: LeaveOut = () => {}): Promise<FaceSample[]> {
  const samples: FaceSample[] = [];
  for (const [name, split] of [
    ['training.csv', 'train'],
    ['validation.csv', 'val'],
  ] as const) {
    const path = join(folder, name);
    const text = await readText(path, "AffectNet's table");
    for (const row of table(text, path, ['subDirectory_filePath', 'facial_landmarks', 'expression'])) {
      const label = count(row.where, row.field('expression'), AFFECTNET.length + AFFECTNET_OTHERS.length - 1);
      const expression = AFFECTNET[label];
      if (expression === undefined) {
        leaveOut(AFFECTNET_OTHERS[label - AFFECTNET.length] ?? '');
        continue;
      }
      const file = row.field('subDirectory_filePath');
      samples.push({
        key: file.replace(/\.\w+$/, ''),
        file: `Manually_Annotated_Images/${file}`,
        points: fromSixtyEight(row.field('facial_landmarks').split(';').map(Number)),
        votes: { [expression]: 1 },
        split,
      });
    }
  }
  return samples;
}
