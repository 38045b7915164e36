import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CELEBA_ATTRIBUTES } from '../../src/data/labels.js';
import { readAdience, readImdbWiki, readMorph, readUtkFace } from '../../src/data/readers/ages.js';
import { readCelebA, readLfw } from '../../src/data/readers/attributes.js';
import { readAffectNet, readFerPlus, readRafDb } from '../../src/data/readers/expressions.js';
import { writeList } from '../../src/data/readers/index.js';
import { parseMat } from '../../src/data/readers/mat.js';
import { readDataset } from '../../src/data/samples.js';
import { compressedElement, doubles, element, int32, type Mat, matFile, matOf } from './support/mat.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function files(contents: Readonly<Record<string, string | Buffer>>): Promise<void> {
  for (const [name, content] of Object.entries(contents)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}

describe('parseMat', () => {
  it.each([false, true])('reads numbers, text, lists and structs (compressed: %s)', (compressed) => {
    const bytes = matFile(
      compressed,
      { name: 'a', numbers: [1, Number.NaN, -2.5] },
      { name: 's', fields: { path: { cells: [{ text: 'nm/01.jpg' }, { text: '' }] }, dob: { numbers: [7] } } },
    );
    expect(parseMat(bytes)).toEqual({ a: [1, Number.NaN, -2.5], s: { path: ['nm/01.jpg', ''], dob: [7] } });
  });

  it('refuses other and damaged files', () => {
    expect(() => parseMat(Buffer.alloc(300))).toThrow(/MATLAB 5/);
    expect(() => parseMat(matFile(false, { name: 'a', numbers: [1, 2] }).subarray(0, 180))).toThrow(/passes the end/);
  });

  const struct = (length: Buffer, names: Buffer) =>
    matOf(
      element(
        14,
        Buffer.concat([element(6, int32(2, 0)), element(5, int32(1, 1)), element(1, Buffer.from('s')), length, names]),
      ),
    );

  it.each([
    ['a field name of 2e-8 bytes', struct(element(9, doubles([2e-8])), element(1, Buffer.alloc(64)))],
    ['a field name of no bytes', struct(element(5, int32(0)), element(1, Buffer.alloc(64)))],
    ['a field name of a gigabyte', struct(element(5, int32(2 ** 30)), element(1, Buffer.alloc(64)))],
    ['names without values', struct(element(5, int32(32)), element(1, Buffer.alloc(64)))],
    ['an inflate bomb', matOf(compressedElement(Buffer.alloc(2 ** 25)))],
    [
      'half a number',
      matOf(
        element(
          14,
          Buffer.concat([
            element(6, int32(6, 0)),
            element(5, int32(1)),
            element(1, Buffer.alloc(0)),
            element(9, Buffer.alloc(12)),
          ]),
        ),
      ),
    ],
    [
      'lists a hundred deep',
      matFile(
        false,
        Array.from({ length: 100 }).reduce<Mat>((inner) => ({ cells: [inner] }), { numbers: [1] }),
      ),
    ],
  ])('refuses %s with a reason', (_, bytes) => {
    expect(() => parseMat(bytes, 'imdb.mat')).toThrow(InvalidInputError);
    expect(() => parseMat(bytes, 'imdb.mat')).toThrow(/imdb\.mat is no MATLAB file that can be read/);
  });
});

describe('layouts', () => {
  it('CelebA', async () => {
    const values = (yes: readonly number[]) =>
      CELEBA_ATTRIBUTES.map((_, i) => (yes.includes(i) ? ' 1' : '-1')).join(' ');
    await files({
      'Anno/list_attr_celeba.txt': `2\n${CELEBA_ATTRIBUTES.join(' ')} \n000001.jpg ${values([2, 39])}\n000002.jpg  ${values([])}\n`,
      'Anno/identity_CelebA.txt': '000001.jpg 2880\n000002.jpg 2937\n',
      'Anno/list_landmarks_align_celeba.txt':
        '2\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y\n000001.jpg 69  109  106  113   77  142   73  152  108  154\n',
      'Eval/list_eval_partition.txt': '000001.jpg 0\n000002.jpg 2\n',
    });
    const [first, second] = await readCelebA(folder);
    expect(first).toEqual({
      key: '000001',
      file: 'Img/img_align_celeba/000001.jpg',
      points: [
        [69.5, 109.5],
        [106.5, 113.5],
        [77.5, 142.5],
        [73.5, 152.5],
        [108.5, 154.5],
      ],
      attributes: `001${'0'.repeat(36)}1`,
      identity: '2880',
      split: 'train',
    });
    expect(second).toMatchObject({ points: null, split: 'test', attributes: '0'.repeat(40) });
  });

  it('LFW with and without the attributes of LFWA', async () => {
    await files({
      'Ann_Lee/Ann_Lee_0002.jpg': '',
      'Ann_Lee/Ann_Lee_0001.jpg': '',
      'Bob/Bob_0001.jpg': '',
      'Bob/notes.txt': '',
    });
    expect(await readLfw(folder)).toEqual([
      { key: 'Ann_Lee_0001', file: 'Ann_Lee/Ann_Lee_0001.jpg', points: null, identity: 'Ann_Lee', number: 1 },
      { key: 'Ann_Lee_0002', file: 'Ann_Lee/Ann_Lee_0002.jpg', points: null, identity: 'Ann_Lee', number: 2 },
      { key: 'Bob_0001', file: 'Bob/Bob_0001.jpg', points: null, identity: 'Bob', number: 1 },
    ]);
    // Column by column: attribute k of image i stands at 2 k + i.
    const label = Array.from({ length: 80 }, (_, i) => (i % 2 === 1 && i >= 78 ? 1 : -1));
    const name = { name: 'name', cells: [{ text: 'Ann_Lee\\Ann_Lee_0001.jpg' }, { text: 'Bob\\Bob_0001.jpg' }] };
    await files({ 'lfw_att_40.mat': matFile(true, name, { name: 'label', numbers: label, rows: 2 }) });
    const samples = await readLfw(folder);
    expect(samples.map(({ attributes }) => attributes)).toEqual(['0'.repeat(40), undefined, `${'0'.repeat(39)}1`]);
  });

  it('UTKFace', async () => {
    await files({
      'part1/26_1_3_20170104.jpg.chip.jpg': '',
      '100_0_0_2017.jpg': '',
      '61_3_2017.jpg': '',
      'readme.txt': '',
    });
    expect(await readUtkFace(folder)).toEqual([
      { key: '100_0_0_2017', file: '100_0_0_2017.jpg', points: null, age: 100, gender: 'male', race: 'white' },
      {
        key: '26_1_3_20170104.jpg.chip',
        file: 'part1/26_1_3_20170104.jpg.chip.jpg',
        points: null,
        age: 26,
        gender: 'female',
        race: 'indian',
      },
    ]);
  });

  it('Adience', async () => {
    const head = 'user_id\toriginal_image\tface_id\tage\tgender\tx\ty';
    await files({
      'fold_0_data.txt': `${head}\n3060@N03\t1018_b.jpg\t1\t(25, 32)\tf\t0\t414\n3060@N03\t99_b.jpg\t2\t35\tm\t0\t4\n3060@N03\t98_b.jpg\t3\tNone\tu\t0\t4\n`,
      ...Object.fromEntries([1, 2, 3, 4].map((fold) => [`fold_${fold}_data.txt`, `${head}\n`])),
    });
    expect(await readAdience(folder)).toEqual([
      {
        key: '1.1018_b',
        file: 'faces/3060@N03/coarse_tilt_aligned_face.1.1018_b.jpg',
        points: null,
        age: 28.5,
        gender: 'female',
        split: 'fold_0',
      },
      {
        key: '2.99_b',
        file: 'faces/3060@N03/coarse_tilt_aligned_face.2.99_b.jpg',
        points: null,
        age: 35,
        gender: 'male',
        split: 'fold_0',
      },
      { key: '3.98_b', file: 'faces/3060@N03/coarse_tilt_aligned_face.3.98_b.jpg', points: null, split: 'fold_0' },
    ]);
  });

  it('FER+', async () => {
    await files({
      'fer2013new.csv':
        'Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\nTraining,fer0000000.png,4,0,0,1,3,2,0,0,0,0\nPrivateTest,fer0000001.png,0,9,0,0,0,0,0,1,0,0\nTraining,,0,0,0,0,0,0,0,0,0,10\n',
    });
    const samples = await readFerPlus(folder);
    expect(samples.map(({ file, split }) => [file, split])).toEqual([
      ['FER2013Train/fer0000000.png', 'train'],
      ['FER2013Test/fer0000001.png', 'test'],
    ]);
    expect(samples[0]?.votes).toEqual({
      neutral: 4,
      happiness: 0,
      surprise: 0,
      sadness: 1,
      anger: 3,
      disgust: 2,
      fear: 0,
      contempt: 0,
      unknown: 0,
      NF: 0,
    });
  });

  it('RAF-DB', async () => {
    await files({
      'EmoLabel/list_patition_label.txt': 'train_00001.jpg 5\ntest_0001.jpg 1\n',
      'Annotation/manual/train_00001_manu_attri.txt': '10.5 20\n30\t21\n20 30\n12 40\n28 41\n1\n2\n3\n',
      'Annotation/manual/test_0001_manu_attri.txt': '1 2\n3 4\n5 6\n7 8\n9 10\n2\n0\n4\n',
    });
    expect(await readRafDb(folder)).toEqual([
      {
        key: 'train_00001',
        file: 'Image/original/train_00001.jpg',
        points: [
          [11, 20.5],
          [30.5, 21.5],
          [20.5, 30.5],
          [12.5, 40.5],
          [28.5, 41.5],
        ],
        votes: { sadness: 1 },
        gender: 'female',
        race: 'asian',
        split: 'train',
      },
      {
        key: 'test_0001',
        file: 'Image/original/test_0001.jpg',
        points: [
          [1.5, 2.5],
          [3.5, 4.5],
          [5.5, 6.5],
          [7.5, 8.5],
          [9.5, 10.5],
        ],
        votes: { surprise: 1 },
        race: 'white',
        split: 'test',
      },
    ]);
  });

  it('AffectNet', async () => {
    const head =
      'subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal';
    const points = Array.from({ length: 68 }, (_, i) => `${i};${2 * i}`).join(';');
    await files({
      'training.csv': `${head}\n1/a.jpg,0,0,9,9,${points},3,0.1,0.2\n1/b.jpg,0,0,9,9,${points},9,-2,-2\n`,
      'validation.csv': `${head}\n2/c.png,0,0,9,9,1;2,0,0,0\n`,
    });
    expect(await readAffectNet(folder)).toEqual([
      {
        key: '1/a',
        file: 'Manually_Annotated_Images/1/a.jpg',
        // Means of 36..41 and 42..47; 30, 48 and 54; pixel centres lie on .5.
        points: [
          [39, 77.5],
          [45, 89.5],
          [30.5, 60.5],
          [48.5, 96.5],
          [54.5, 108.5],
        ],
        votes: { surprise: 1 },
        split: 'train',
      },
      { key: '2/c', file: 'Manually_Annotated_Images/2/c.png', points: null, votes: { neutral: 1 }, split: 'val' },
    ]);
  });

  it('IMDB-WIKI', async () => {
    // MATLAB day 719529 is 1970-01-01; 723671 is 1981-05-05.
    const fields = {
      dob: { numbers: [723671, 723671, 723671, 719529] },
      photo_taken: { numbers: [2009, 2009, 2009, 1960] },
      full_path: {
        cells: [{ text: '17/1_1981-05-05_2009.jpg' }, { text: '17/2.jpg' }, { text: '17/3.jpg' }, { text: '17/4.jpg' }],
      },
      gender: { numbers: [1, 0, Number.NaN, 1] },
      face_score: { numbers: [4.3, Number.NEGATIVE_INFINITY, 3, 3] },
      second_face_score: { numbers: [Number.NaN, Number.NaN, 2, Number.NaN] },
    };
    await files({ 'wiki.mat': matFile(true, { name: 'wiki', fields }) });
    // The second has no face, the third two, the fourth was not born yet.
    expect(await readImdbWiki(folder)).toEqual([
      { key: '17/1_1981-05-05_2009', file: '17/1_1981-05-05_2009.jpg', points: null, age: 28, gender: 'male' },
    ]);
  });

  it('MORPH', async () => {
    await files({
      'morph.csv':
        'id_num,picture_num,dob,doa,race,gender,facial_hair,age,age_diff,glasses,photo\n009055,1,"1/2/1950","3/4/2004, noon",B,M,,54,0,,Album2\\009055_1M54.JPG\n009056,0,,,W,F,,20,0,,Album2/009056_0F20.JPG\n',
    });
    expect(await readMorph(folder)).toEqual([
      {
        key: '009055_1M54',
        file: 'Album2/009055_1M54.JPG',
        points: null,
        identity: '009055',
        number: 1,
        age: 54,
        gender: 'male',
        race: 'black',
      },
      {
        key: '009056_0F20',
        file: 'Album2/009056_0F20.JPG',
        points: null,
        identity: '009056',
        number: 0,
        age: 20,
        gender: 'female',
        race: 'white',
      },
    ]);
  });
});

describe('labels that are absent, unknown or impossible', () => {
  const morph = (rows: readonly string[]) =>
    files({ 'morph.csv': `id_num,picture_num,race,gender,age,photo\n${rows.join('\n')}\n` });

  it('a blank label of MORPH is absent', async () => {
    await morph(['1,0,,,,a.jpg', ',,w,f,20,b.jpg', '3,1,B,female,20.5,c.jpg']);
    expect(await readMorph(folder)).toEqual([
      { key: 'a', file: 'a.jpg', points: null, identity: '1', number: 0 },
      { key: 'b', file: 'b.jpg', points: null, age: 20, gender: 'female', race: 'white' },
      {
        key: 'c',
        file: 'c.jpg',
        points: null,
        identity: '3',
        number: 1,
        age: 20.5,
        gender: 'female',
        race: 'black',
      },
    ]);
  });

  it.each([
    ['1,0,W,NA,20,a.jpg', /"NA"/],
    ['1,0,W,-1,20,a.jpg', /"-1"/],
    ['1,0,W,Fe,20,a.jpg', /f, female, m, male or nothing/],
    ['1,0,W,F,-1,a.jpg', /an age from 0 to 122/],
    ['1,0,W,F,999,a.jpg', /"999"/],
    ['1,0,W,F,NaN,a.jpg', /"NaN"/],
    ['1,0,W,F,1e1,a.jpg', /"1e1"/],
    ['1,0,X,F,20,a.jpg', /"X"/],
    ['1,x,W,F,20,a.jpg', /"x"/],
    ['1,0,W,F,20,', /names no photo/],
    ['1,0,W', /ends early/],
  ])('the row %j of MORPH is an error that names file and line', async (row, reason) => {
    await morph(['1,0,W,F,20,good.jpg', '', row]);
    await expect(readMorph(folder)).rejects.toThrow(/morph\.csv:4/);
    await expect(readMorph(folder)).rejects.toThrow(reason);
    await expect(readMorph(folder)).rejects.toBeInstanceOf(InvalidInputError);
  });

  it('an impossible age in the name of an image of UTKFace is an error', async () => {
    await files({ '999_0_0_2017.jpg': '' });
    await expect(readUtkFace(folder)).rejects.toThrow(/999_0_0_2017\.jpg.*an age from 0 to 122/);
  });

  it('unknown words are errors in the other sets too', async () => {
    const head = 'user_id\toriginal_image\tface_id\tage\tgender';
    await files({ 'fold_0_data.txt': `${head}\nu\ta.jpg\t1\t(25, 32)\tx\n` });
    await expect(readAdience(folder)).rejects.toThrow(/fold_0_data\.txt:2.*"x"/);
    await files({ 'fold_0_data.txt': `${head}\nu\ta.jpg\t1\told\tf\n` });
    await expect(readAdience(folder)).rejects.toThrow(/fold_0_data\.txt:2.*"old"/);
    const votes = 'Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF';
    await files({ 'fer2013new.csv': `${votes}\nTraining,a.png,4,0,0,1,3,2,0,0,0,x\n` });
    await expect(readFerPlus(folder)).rejects.toThrow(/fer2013new\.csv:2.*"x"/);
    await files({ 'fer2013new.csv': `${votes}\nTesting,a.png,4,0,0,1,3,2,0,0,0,0\n` });
    await expect(readFerPlus(folder)).rejects.toThrow(/fer2013new\.csv:2.*"Testing"/);
    await files({ 'EmoLabel/list_patition_label.txt': 'train_00001.jpg 8\n' });
    await expect(readRafDb(folder)).rejects.toThrow(/list_patition_label\.txt:1.*"8"/);
    await files({ 'training.csv': 'subDirectory_filePath,facial_landmarks,expression\n1/a.jpg,,happy\n' });
    await expect(readAffectNet(folder)).rejects.toThrow(/training\.csv:2.*"happy"/);
    await files({ 'Anno/list_attr_celeba.txt': `1\n${CELEBA_ATTRIBUTES.join(' ')}\n000001.jpg 1 1\n` });
    await expect(readCelebA(folder)).rejects.toThrow(/list_attr_celeba\.txt:3/);
  });

  it('a folder or a file that is not there is named', async () => {
    for (const read of [
      readUtkFace,
      readAdience,
      readImdbWiki,
      readMorph,
      readCelebA,
      readLfw,
      readFerPlus,
      readRafDb,
      readAffectNet,
    ]) {
      await expect(read(join(folder, 'nowhere'))).rejects.toThrow(/nowhere.* cannot be read.*no such file/);
    }
  });
});

describe('writeList', () => {
  it('counts what it leaves out, by the reason', async () => {
    await files({ '26_1_3_20170104.jpg': '', '61_3_2017.jpg': '', '1_2017.png': '', 'readme.txt': '' });
    expect((await writeList('utkface', folder)).leftOut).toEqual({ 'the name lacks labels': 2 });
  });

  it('writes what readDataset reads', async () => {
    await files({ '26_1_3_20170104.jpg': '' });
    const { path, samples } = await writeList('utkface', folder);
    expect(samples).toBe(1);
    expect((await readFile(path, 'utf8')).endsWith('\n')).toBe(true);
    expect((await readDataset(path)).samples[0]).toMatchObject({ age: 26, gender: 'female', race: 'indian' });
  });

  it('says which layouts there are, and when a folder has none of it', async () => {
    await expect(writeList('imagenet', folder)).rejects.toThrow(/celeba/);
    await expect(writeList('utkface', folder)).rejects.toThrow(/holds nothing/);
    await expect(readMorph(folder)).rejects.toThrow(/no table/);
    await files({ 'morph.csv': 'id,age\n' });
    await expect(readMorph(folder)).rejects.toThrow(/id_num/);
  });
});
