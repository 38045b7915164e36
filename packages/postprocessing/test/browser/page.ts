import { SwinFaceError } from '@swinface/core';
import { FaceStore } from '@swinface/postprocessing/storage';
import { openDB } from 'idb';

/** A face as it crosses into the page and back. */
export interface PlainFace {
  readonly id: string;
  readonly model: string;
  readonly embedding: readonly number[];
  readonly agreement?: number;
}

/** Code and message of what was thrown; undefined for success. */
async function failure(task: () => Promise<unknown>): Promise<{ code: string; message: string } | undefined> {
  try {
    await task();
    return undefined;
  } catch (error) {
    if (error instanceof SwinFaceError) return { code: error.code, message: error.message };
    throw error;
  }
}

const plain = async (store: FaceStore): Promise<PlainFace[]> =>
  (await store.faces()).map(({ id, model, embedding, agreement }) => ({
    id,
    model,
    embedding: [...embedding],
    agreement,
  }));

/** Opens, does, closes. */
async function using<R>(name: string, task: (store: FaceStore) => Promise<R>, keepDays = 30): Promise<R> {
  const store = await FaceStore.open({ name, keepDays });
  try {
    return await task(store);
  } finally {
    store.close();
  }
}

const put = (store: FaceStore, { id, embedding, ...face }: PlainFace) =>
  store.put(id, { ...face, embedding: Float32Array.from(embedding) });

/** Moves the page's clock by days. */
function later(days: number): () => void {
  const now = Date.now;
  Date.now = () => now() + days * 24 * 60 * 60 * 1000;
  return () => {
    Date.now = now;
  };
}

/** What the tests call in the page. */
export const calls = {
  databases: async () => (await indexedDB.databases()).map(({ name }) => name),

  put: (name: string, face: PlainFace) => using(name, (store) => put(store, face)),

  faces: (name: string) => using(name, plain),

  remove: (name: string, id: string) => using(name, (store) => store.remove(id)),

  /** Ids that a gallery of this model finds, best first. */
  search: (name: string, model: string, query: readonly number[]) =>
    using(name, async (store) => {
      const gallery = await store.gallery({
        id: model,
        config: { feature: query.length },
        calibration: { verification: [] },
      });
      return gallery.search({ model, embedding: Float32Array.from(query) }).map(({ id }) => id);
    }),

  failureOfGallery: (name: string, model: string) =>
    using(name, (store) =>
      failure(() => store.gallery({ id: model, config: { feature: 4 }, calibration: { verification: [] } })),
    ),

  unreadable: (name: string) => using(name, (store) => store.unreadable()),

  removeUnreadable: (name: string) => using(name, (store) => store.removeUnreadable()),

  failureOfPut: (name: string, face: PlainFace) => using(name, (store) => failure(() => put(store, face))),

  failureOfOpen: (keepDays: number, name = 'never') => failure(() => FaceStore.open({ keepDays, name })),

  deleteAll: (name: string) => FaceStore.deleteAll(name),

  /** What stores, deletions and their arguments say to values that are none. */
  failuresOfWrongValues: async () => {
    const wrong: unknown[] = [undefined, null, 7, '', 'x', {}, [], () => 1, Symbol('s'), 12n, new Map()];
    const open = FaceStore.open as (options: unknown) => Promise<FaceStore>;
    const tasks: (() => Promise<unknown>)[] = wrong.flatMap((value) => [
      () => open(value),
      ...(value === 7 ? [] : [() => open({ keepDays: value, name: 'never' })]),
      ...(value === undefined || value === 'x' ? [] : [() => FaceStore.deleteAll(value as string)]),
      ...(value === undefined || value === 'x' ? [] : [() => open({ keepDays: 1, name: value })]),
      ...(value === undefined || typeof value === 'function'
        ? []
        : [() => open({ keepDays: 1, name: 'y', onChange: value })]),
      () => using('wrong', (store) => store.put('a', value as never)),
      ...(value === 'x' ? [] : [() => using('wrong', (store) => store.put(value as string, value as never))]),
      () => using('wrong', (store) => store.gallery(value as never)),
    ]);
    const codes: (string | undefined)[] = [];
    for (const task of tasks) codes.push((await failure(task))?.code);
    return codes;
  },

  /** A database of a version to come. */
  makeLater: async (name: string) => (await openDB(name, 9)).close(),

  /** Something else in the place of the keys. */
  damageKeys: async (name: string) => {
    const database = await openDB(name);
    await database.put('keys', { encryption: 'x' }, 'current');
    database.close();
  },

  /** Records that no store wrote, beside those that one did. */
  damage: async (name: string) => {
    const database = await openDB(name);
    await database.put('faces', { name: new ArrayBuffer(3) });
    await database.put('faces', { name: new ArrayBuffer(4), iv: 7, sealed: 'x', expires: Date.now() + 1e9 });
    database.close();
  },

  /** What a store is told of another's doings, and what it then says to those who use it. */
  whatOthersAreTold: async (name: string, face: PlainFace) => {
    const told: string[] = [];
    const open = (who: string) =>
      FaceStore.open({ name, keepDays: 1, onChange: ({ deleted }) => told.push(`${who} ${deleted}`) });
    const [mine, other] = [await open('mine'), await open('other')];
    const until = async (count: number) => {
      for (let i = 0; i < 100 && told.length < count; i++) await new Promise((done) => setTimeout(done, 20));
    };
    await put(mine, face);
    await until(1);
    const seen = (await plain(other)).length;
    await other.remove(face.id);
    await until(2);
    await other.remove('nobody');
    await mine.deleteAll();
    await until(3);
    const late = await failure(() => put(other, face));
    await new Promise((done) => setTimeout(done, 100));
    return { told, seen, late: late?.code };
  },

  /** Two openings at once, as two tabs would; what one puts, the other reads. */
  openTwice: async (name: string, face: PlainFace) => {
    const [a, b] = await Promise.all([1, 2].map(() => FaceStore.open({ name, keepDays: 1 })));
    if (!a || !b) throw new Error('not opened');
    await put(a, face);
    const seen = await plain(b);
    a.close();
    b.close();
    return seen;
  },

  /** Keeps faces for as many days each and counts those left after others. */
  leftAfter: async (name: string, keepDays: readonly number[], days: readonly number[]) => {
    for (const [i, keep] of keepDays.entries()) {
      await using(name, (store) => put(store, { id: `${i}`, model: 'm', embedding: [1, 2] }), keep);
    }
    const left: { seen: number; inDatabase: number }[] = [];
    for (const day of days) {
      const restore = later(day);
      const seen = (await using(name, plain)).length;
      restore();
      const database = await openDB(name);
      left.push({ seen, inDatabase: await database.count('faces') });
      database.close();
    }
    return left;
  },

  /** Keeps a store open across its faces' expiry. */
  expiresWhileOpen: (name: string) =>
    using(
      name,
      async (store) => {
        await put(store, { id: 'a', model: 'm', embedding: [1, 2] });
        const before = (await store.faces()).length;
        const restore = later(2);
        const after = (await store.faces()).length;
        restore();
        return [before, after];
      },
      1,
    ),

  /** Puts keys of another database in the place of this one's. */
  swapKeys: async (name: string, other: string) => {
    const [mine, theirs] = [await openDB(name), await openDB(other)];
    await mine.put('keys', await theirs.get('keys', 'current'), 'current');
    mine.close();
    theirs.close();
  },

  /** Changes a field of every face in the database. */
  alter: async (name: string, field: 'expires' | 'sealed' | 'iv' | 'name') => {
    const database = await openDB(name);
    for (const face of await database.getAll('faces')) {
      await database.delete('faces', face.name);
      if (field === 'expires') face.expires += 1000;
      else {
        const bytes = new Uint8Array(face[field].buffer ?? face[field]);
        bytes[0] = (bytes[0] ?? 0) ^ 1;
      }
      await database.put('faces', face);
    }
    database.close();
  },

  /** Names of the errors when a script tries to export the keys. */
  exportKeys: async (name: string) => {
    const database = await openDB(name);
    const keys: Record<string, CryptoKey> = await database.get('keys', 'current');
    database.close();
    return Promise.all(
      Object.values(keys).map((key) =>
        crypto.subtle.exportKey('raw', key).then(
          () => 'exported',
          (error: DOMException) => error.name,
        ),
      ),
    );
  },

  /** Deletes everything while another tab has it open, and says what that tab gets. */
  deleteAllUnderOther: async (name: string) => {
    const [mine, other] = [await FaceStore.open({ name, keepDays: 1 }), await FaceStore.open({ name, keepDays: 1 })];
    await mine.deleteAll();
    return [await failure(() => other.faces()), await failure(() => mine.faces())].map((result) => result?.code);
  },

  /** Writes a face as it is, for the dump of the profile to be searched for something that must be there. */
  writeInTheClear: async (name: string, face: PlainFace) => {
    const database = await openDB(name, 1, { upgrade: (created) => void created.createObjectStore('faces') });
    await database.put('faces', { ...face, embedding: Float32Array.from(face.embedding) }, 1);
    database.close();
  },
};

Object.assign(globalThis, { storageTests: calls });
