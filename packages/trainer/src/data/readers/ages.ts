import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import { readBytes, readText, unreadable } from '../../files/read.js';
import { type FaceSample, known, MAX_AGE } from '../samples.js';
import { age, choice, count, GENDERS, type LeaveOut } from './fields.js';
import { type MatValue, parseMat } from './mat.js';
import { table } from './text.js';

const UTKFACE_RACES = ['white', 'black', 'asian', 'indian', 'other'];
/** Days from MATLAB's day 0 to 1970-01-01. */
const MATLAB_EPOCH = 719529;
const MILLISECONDS_A_YEAR = 365.2425 * 86_400_000;

/** Names of a folder's files. */
export const filesOf = (folder: string, recursive = false): Promise<string[]> =>
  readdir(folder, { recursive }).catch(unreadable(folder, 'the folder of a data set')) as Promise<string[]>;

/** UTKFace: labels in the file names, `age_gender_race_date.jpg`, in any subfolders. Names without all labels are left out. */
export async function readUtkFace(folder: string, leaveOut: LeaveOut = () => {}): Promise<FaceSample[]> {
  const files = (await filesOf(folder, true)).map((file) => file.replaceAll('\\', '/')).sort();
  return files.flatMap((file) => {
    if (!/\.(?:jpg|jpeg|png|webp)$/i.test(file)) return [];
    const match = /(?:^|\/)((\d+)_([01])_([0-4])_\d+[^/]*)\.\w+$/.exec(file);
    if (!match) {
      leaveOut('the name lacks labels');
      return [];
    }
    const [, key = '', years = '', gender, race] = match;
    return [
      {
        key,
        file,
        points: null,
        gender: gender === '0' ? 'male' : 'female',
        race: UTKFACE_RACES[Number(race)] ?? 'other',
        ...known({ age: age(join(folder, file), years) }),
      } satisfies FaceSample,
    ];
  });
}

/**
 * Adience: `fold_0_data.txt` to `fold_4_data.txt` and `faces/USER/coarse_tilt_aligned_face.ID.IMAGE`. Ages come in groups;
 * the sample's age is the middle of its group. The fold's number is the split.
 */
export async function readAdience(folder: string): Promise<FaceSample[]> {
  const samples: FaceSample[] = [];
  for (let fold = 0; fold < 5; fold++) {
    const path = join(folder, `fold_${fold}_data.txt`);
    const text = await readText(path, "Adience's table of a fold");
    for (const row of table(text, path, ['user_id', 'original_image', 'face_id', 'age', 'gender'], '\t')) {
      const image = `${row.field('face_id')}.${row.field('original_image')}`;
      samples.push({
        key: image.replace(/\.\w+$/, ''),
        file: `faces/${row.field('user_id')}/coarse_tilt_aligned_face.${image}`,
        points: null,
        split: `fold_${fold}`,
        ...known({
          age: middleOfGroup(row.where, row.field('age')),
          gender: choice(row.where, row.field('gender'), { ...GENDERS, u: undefined }),
        }),
      });
    }
  }
  return samples;
}

/** The middle of an age group: "(25, 32)" or "35"; undefined where it says "None". */
function middleOfGroup(where: string, word: string): number | undefined {
  if (word.toLowerCase() === 'none') return undefined;
  const [, low, high] = /^\((\d+), *(\d+)\)$/.exec(word) ?? [];
  const bounds = low === undefined || high === undefined ? [word] : [low, high];
  const ages = bounds.map((bound) => age(where, bound));
  return ages.includes(undefined) ? undefined : ages.reduce<number>((sum, years = 0) => sum + years, 0) / ages.length;
}

/**
 * IMDB-WIKI: `imdb.mat` or `wiki.mat` and the images beside it. The age is that in the middle of the year of the photograph.
 * Photographs without a face, with a second one, or with an impossible age are left out, as their labels cannot be trusted.
 */
export async function readImdbWiki(folder: string, leaveOut: LeaveOut = () => {}): Promise<FaceSample[]> {
  const name = (await filesOf(folder)).find((file) => file === 'imdb.mat' || file === 'wiki.mat');
  if (name === undefined) throw new InvalidInputError(`${folder} holds neither imdb.mat nor wiki.mat.`);
  const path = join(folder, name);
  const root = parseMat(await readBytes(path, 'a MATLAB file'), path)[name.replace('.mat', '')];
  const field = (key: string, length?: number): readonly (number | MatValue)[] => {
    const value = root !== undefined && typeof root === 'object' && !Array.isArray(root) ? root[key] : undefined;
    if (Array.isArray(value) && (length === undefined || value.length === length)) return value;
    throw new InvalidInputError(`${path} lacks the field ${key}.`, {
      expected: length === undefined ? 'a list' : `a list of ${length}, one for each photograph`,
      actual: Array.isArray(value) ? String(value.length) : typeof value,
    });
  };
  const paths = field('full_path');
  const [born, taken, genders, scores, seconds] = [
    'dob',
    'photo_taken',
    'gender',
    'face_score',
    'second_face_score',
  ].map((key) => field(key, paths.length));
  return paths.flatMap((photograph, i) => {
    const at = (values: readonly (number | MatValue)[] | undefined) => Number(values?.[i]);
    const birth = (at(born) - MATLAB_EPOCH) * 86_400_000;
    const years = (Date.UTC(at(taken), 6, 1) - birth) / MILLISECONDS_A_YEAR;
    const reason = !Number.isFinite(at(scores))
      ? 'no face'
      : !Number.isNaN(at(seconds))
        ? 'a second face'
        : !(years >= 0 && years <= MAX_AGE)
          ? 'an impossible age'
          : undefined;
    if (reason !== undefined) {
      leaveOut(reason);
      return [];
    }
    const file = String(photograph);
    const gender = at(genders) === 1 ? 'male' : at(genders) === 0 ? 'female' : undefined;
    return [
      {
        key: file.replace(/\.\w+$/, ''),
        file,
        points: null,
        age: Math.floor(years),
        ...known({ gender }),
      } satisfies FaceSample,
    ];
  });
}

const MORPH_RACES = { w: 'white', b: 'black', a: 'asian', h: 'hispanic', o: 'other' } as const;

/** MORPH, album 2: a table `*.csv` with the columns id_num, picture_num, race, gender, age and photo (a path). */
export async function readMorph(folder: string): Promise<FaceSample[]> {
  const name = (await filesOf(folder)).find((file) => file.toLowerCase().endsWith('.csv'));
  if (name === undefined) throw new InvalidInputError(`${folder} holds no table (*.csv).`);
  const path = join(folder, name);
  const rows = table(await readText(path, "MORPH's table"), path, [
    'id_num',
    'picture_num',
    'race',
    'gender',
    'age',
    'photo',
  ]);
  return rows.map((row) => {
    const { where } = row;
    const file = row.field('photo').replaceAll('\\', '/');
    if (file === '') throw new InvalidInputError(`${where} names no photo.`);
    const identity = row.field('id_num');
    const number = row.field('picture_num');
    return {
      key: file.replace(/^.*\//, '').replace(/\.\w+$/, ''),
      file,
      points: null,
      ...known({
        identity: identity === '' ? undefined : identity,
        number: number === '' ? undefined : count(where, number, 1e6),
        age: age(where, row.field('age')),
        gender: choice(where, row.field('gender'), GENDERS),
        race: choice(where, row.field('race'), MORPH_RACES),
      }),
    };
  });
}
