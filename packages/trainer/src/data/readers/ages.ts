import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import type { FaceSample } from '../samples.js';
import { type MatValue, parseMat } from './mat.js';
import { table } from './text.js';

const UTKFACE_RACES = ['white', 'black', 'asian', 'indian', 'other'];
/** Days from MATLAB's day 0 to 1970-01-01. */
const MATLAB_EPOCH = 719529;
const MILLISECONDS_A_YEAR = 365.2425 * 86_400_000;

/** UTKFace: labels in the file names, `age_gender_race_date.jpg`, in any subfolders. Names without all labels are left out. */
export async function readUtkFace(folder: string): Promise<FaceSample[]> {
  const files = (await readdir(folder, { recursive: true })).map((file) => file.replaceAll('\\', '/')).sort();
  return files.flatMap((file) => {
    const match = /(?:^|\/)((\d{1,3})_([01])_([0-4])_\d+[^/]*)\.(?:jpg|jpeg|png|webp)$/i.exec(file);
    if (!match) return [];
    const [, key = '', age, gender, race] = match;
    return [
      {
        key,
        file,
        points: null,
        age: Number(age),
        gender: gender === '0' ? ('male' as const) : ('female' as const),
        race: UTKFACE_RACES[Number(race)] ?? 'other',
      },
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
    const name = `fold_${fold}_data.txt`;
    const text = await readFile(join(folder, name), 'utf8');
    const rows = table(text, name, ['user_id', 'original_image', 'face_id', 'age', 'gender'], '\t');
    for (const row of rows) {
      const bounds = (row('age').match(/\d+/g) ?? []).map(Number);
      const age = bounds.length > 0 ? bounds.reduce((sum, v) => sum + v, 0) / bounds.length : undefined;
      const gender = row('gender') === 'm' ? 'male' : row('gender') === 'f' ? 'female' : undefined;
      const image = `${row('face_id')}.${row('original_image')}`;
      samples.push({
        key: image.replace(/\.\w+$/, ''),
        file: `faces/${row('user_id')}/coarse_tilt_aligned_face.${image}`,
        points: null,
        split: `fold_${fold}`,
        ...(age === undefined ? {} : { age }),
        ...(gender === undefined ? {} : { gender }),
      });
    }
  }
  return samples;
}

/**
 * IMDB-WIKI: `imdb.mat` or `wiki.mat` and the images beside it. The age is that in the middle of the year of the photograph.
 * Photographs without a face, with a second one, or with an impossible age are left out, as their labels cannot be trusted.
 */
export async function readImdbWiki(folder: string): Promise<FaceSample[]> {
  const name = (await readdir(folder)).find((file) => file === 'imdb.mat' || file === 'wiki.mat');
  if (name === undefined) throw new InvalidInputError(`${folder} holds neither imdb.mat nor wiki.mat.`);
  const root = parseMat(await readFile(join(folder, name)))[name.replace('.mat', '')];
  const field = (key: string): readonly (number | MatValue)[] => {
    const value = root !== undefined && typeof root === 'object' && !Array.isArray(root) ? root[key] : undefined;
    if (Array.isArray(value)) return value;
    throw new InvalidInputError(`${name} lacks the field ${key}.`);
  };
  const [born, taken, paths] = [field('dob'), field('photo_taken'), field('full_path')];
  const [genders, scores, seconds] = [field('gender'), field('face_score'), field('second_face_score')];
  return paths.flatMap((path, i) => {
    const birth = (Number(born[i]) - MATLAB_EPOCH) * 86_400_000;
    const age = (Date.UTC(Number(taken[i]), 6, 1) - birth) / MILLISECONDS_A_YEAR;
    const alone = Number.isFinite(Number(scores[i])) && Number.isNaN(Number(seconds[i]));
    if (!alone || !(age >= 0 && age <= 110)) return [];
    const gender = Number(genders[i]) === 1 ? 'male' : Number(genders[i]) === 0 ? 'female' : undefined;
    const file = String(path);
    return [
      {
        key: file.replace(/\.\w+$/, ''),
        file,
        points: null,
        age: Math.floor(age),
        ...(gender === undefined ? {} : { gender: gender as 'female' | 'male' }),
      },
    ];
  });
}

const MORPH_RACES: Readonly<Record<string, string>> = { W: 'white', B: 'black', A: 'asian', H: 'hispanic', O: 'other' };

/** MORPH, album 2: a table `*.csv` with the columns id_num, picture_num, race, gender, age and photo (a path). */
export async function readMorph(folder: string): Promise<FaceSample[]> {
  const name = (await readdir(folder)).find((file) => file.toLowerCase().endsWith('.csv'));
  if (name === undefined) throw new InvalidInputError(`${folder} holds no table (*.csv).`);
  const text = await readFile(join(folder, name), 'utf8');
  return table(text, name, ['id_num', 'picture_num', 'race', 'gender', 'age', 'photo']).map((row) => {
    const file = row('photo').replaceAll('\\', '/');
    const race = MORPH_RACES[row('race')];
    return {
      key: file.replace(/^.*\//, '').replace(/\.\w+$/, ''),
      file,
      points: null,
      identity: row('id_num'),
      number: Number(row('picture_num')),
      age: Number(row('age')),
      gender: row('gender').startsWith('F') ? ('female' as const) : ('male' as const),
      ...(race === undefined ? {} : { race }),
    };
  });
}
