// For applications whose own settings do not name it; `Symbol.dispose` is in the types of this package.
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Known faces kept in the browser, encrypted, for a limited time.
 *
 * @module
 */
import { DisposedError, InvalidInputError, SwinFaceError } from '@swinface/core';
import { requireInput } from '@swinface/geometry';
import type { IDBPDatabase } from 'idb';
import { requireOptions } from '../checked.js';
import { takenId } from '../face-index.js';
import { Gallery } from '../gallery.js';
import { embeddingOf, requireFace } from '../matching.js';
import { normalised } from '../numeric.js';
import { agreementOf } from '../threshold.js';
import type { Embedded, GalleryModel } from '../types.js';
import { deleteFaces, keysOf, openFaces, refused, type Schema } from './database.js';
import { decryptFace, encryptFace, type FaceKeys, type StoredFace, sealedName } from './sealing.js';

export type { StoredFace };

/** What {@link FaceStore.open} takes. */
export interface FaceStoreOptions {
  /** Days for which a face is kept after it was put: as few as the purpose needs. */
  readonly keepDays: number;
  /** Name of the IndexedDB database. Default `swinface-faces`. */
  readonly name?: string;
  /**
   * Called when another tab, or another `FaceStore` of this page, changed what is kept. Galleries hold what they held when
   * they were made: make them anew, or empty them where all was deleted.
   */
  readonly onChange?: (change: StoreChange) => void;
}

/** What another tab did. */
export interface StoreChange {
  /** True where everything was deleted, which closed this store; false where faces were put or removed. */
  readonly deleted: boolean;
}

const DEFAULT_NAME = 'swinface-faces';
const DAY = 24 * 60 * 60 * 1000;

/**
 * Keeps known faces in IndexedDB until they expire. Embeddings identify people: nothing is kept unless `put` is called,
 * so ask the person first. Ids, models and embeddings are encrypted (AES-GCM, 256 bits); in the clear stand only the
 * number of faces, their sizes and when they expire.
 *
 * The key is made here and no script can export it, but the browser keeps it in the same profile folder. So encryption
 * keeps plain ids and embeddings out of the files; it does not protect from anyone who can copy that folder, use the
 * browser, or run scripts in the page. What was deleted is gone for every script at once, but its bytes, and the key's,
 * stay in the files until the browser tidies them. Whoever needs more encrypts the disk.
 *
 * @example
 * const store = await FaceStore.open({ keepDays: 30 });
 * await store.put('ada', enrol(shots, manifest.calibration));
 * const gallery = await store.gallery(manifest);
 * await store.deleteAll();
 */
export class FaceStore implements Disposable {
  readonly #name: string;
  readonly #lifetime: number;
  readonly #database: IDBPDatabase<Schema>;
  readonly #keys: FaceKeys;
  readonly #others: BroadcastChannel;
  #closed = false;

  private constructor(
    { name = DEFAULT_NAME, keepDays, onChange }: FaceStoreOptions,
    database: IDBPDatabase<Schema>,
    keys: FaceKeys,
  ) {
    this.#name = name;
    this.#lifetime = keepDays * DAY;
    this.#database = database;
    this.#keys = keys;
    this.#others = new BroadcastChannel(`swinface-faces/${name}`);
    this.#others.onmessage = () => onChange?.({ deleted: false });
  }

  /**
   * Opens the database, or makes it with a new key, and deletes what has expired.
   *
   * @throws {InvalidInputError} if `keepDays` is not a number above 0, if a later version of this package made the
   *   database, or if its key is damaged: `FaceStore.deleteAll` deletes it in any case
   * @throws {UnsupportedDeviceError} where there is no IndexedDB or WebCrypto (outside browsers, or without HTTPS), or the
   *   browser refuses to store
   */
  static async open(options: FaceStoreOptions): Promise<FaceStore> {
    requireOptions(options);
    const { keepDays, name = DEFAULT_NAME, onChange } = options;
    requireName(name);
    requireInput(onChange === undefined || typeof onChange === 'function', '"onChange"', 'a function', onChange);
    if (!(typeof keepDays === 'number' && keepDays > 0 && keepDays < Infinity)) {
      throw new InvalidInputError('Faces are kept for a limited time.', {
        expected: 'days above 0',
        actual: String(keepDays),
      });
    }
    let store: FaceStore | undefined;
    // Whatever another tab wants: do not stand in its way.
    const database = await openFaces(name, (wants) => {
      store?.close();
      if (wants === 'deletion') onChange?.({ deleted: true });
    });
    try {
      store = new FaceStore(options, database, await keysOf(database));
      await store.#deleteExpired();
      return store;
    } catch (error) {
      store?.close();
      database.close();
      throw error instanceof SwinFaceError ? error : refused(error);
    }
  }

  /**
   * Deletes everything that is kept under a name, also what cannot be opened or read; stores that have it open, in this
   * tab or in others, are closed and told. More calls do nothing.
   *
   * @param name of the database. Default `swinface-faces`
   * @throws {UnsupportedDeviceError} where there is no IndexedDB, or the browser refuses
   */
  static async deleteAll(name: string = DEFAULT_NAME): Promise<void> {
    requireName(name);
    await deleteFaces(name);
  }

  /**
   * Keeps a face under an id, from now on for `keepDays`; an older one of the same id is replaced.
   *
   * @throws {InvalidInputError} if the id is empty or the face has no usable embedding
   * @throws {DisposedError} once closed
   * @throws {UnsupportedDeviceError} where the browser refuses to store
   */
  async put(id: string, face: Embedded): Promise<void> {
    this.#check();
    if (typeof id !== 'string' || id === '') throw takenId(id);
    requireFace(face);
    const embedding = normalised(embeddingOf(face), 'The embedding');
    const [agreement, expires] = [agreementOf(face), Date.now() + this.#lifetime];
    const stored = { id, model: face.model, embedding, agreement, expires };
    const sealed = await encryptFace(this.#keys, stored);
    await this.#use((database) => database.put('faces', sealed));
    this.#tellOthers();
  }

  /**
   * Deletes a face; false if there is none of this id.
   *
   * @throws {DisposedError} once closed
   */
  async remove(id: string): Promise<boolean> {
    this.#check();
    if (typeof id !== 'string') return false;
    const name = await sealedName(this.#keys, id);
    return (await this.#remove([name])) > 0;
  }

  /**
   * All faces that are kept and can be read, see {@link unreadable}; those that expired are deleted.
   *
   * @throws {DisposedError} once closed
   * @throws {UnsupportedDeviceError} where the browser refuses
   */
  async faces(): Promise<readonly StoredFace[]> {
    return (await this.#read()).faces;
  }

  /**
   * How many of those that are kept cannot be read: altered, damaged, or encrypted with another key. Whose they are is
   * encrypted too; {@link removeUnreadable} deletes them.
   *
   * @throws as {@link faces}
   */
  async unreadable(): Promise<number> {
    return (await this.#read()).unreadable.length;
  }

  /**
   * Deletes what cannot be read.
   *
   * @returns how many that were
   * @throws as {@link faces}
   */
  async removeUnreadable(): Promise<number> {
    return this.#remove((await this.#read()).unreadable);
  }

  /**
   * A gallery of all faces that are kept and can be read.
   *
   * @param model the manifest of the model
   * @throws {InvalidInputError} as `faces`, and if a face is of another model: see `faces`, and `remove` it
   * @throws {DisposedError} once closed
   */
  async gallery(model: GalleryModel): Promise<Gallery> {
    const gallery = new Gallery(model);
    for (const face of await this.faces()) gallery.add(face.id, face);
    return gallery;
  }

  /**
   * Deletes everything: faces, database and key; and closes. Other tabs that have it open are told.
   *
   * @throws {UnsupportedDeviceError} where the browser refuses
   */
  async deleteAll(): Promise<void> {
    this.close();
    await deleteFaces(this.#name);
  }

  /** Closes the database; what is kept stays. More calls do nothing. */
  close(): void {
    this.#closed = true;
    this.#others.close();
    this.#database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #check(): void {
    if (this.#closed) throw new DisposedError('This FaceStore was closed.', { hint: 'Open it again.' });
  }

  #tellOthers(): void {
    if (!this.#closed) this.#others.postMessage('changed');
  }

  /** Does something with the database, which another tab may close at any time. */
  async #use<R>(action: (database: IDBPDatabase<Schema>) => Promise<R>): Promise<R> {
    this.#check();
    try {
      return await action(this.#database);
    } catch (error) {
      this.#check();
      throw refused(error);
    }
  }

  async #read(): Promise<{ readonly faces: readonly StoredFace[]; readonly unreadable: readonly ArrayBuffer[] }> {
    await this.#deleteExpired();
    const sealed = await this.#use((database) => database.getAll('faces'));
    const faces: StoredFace[] = [];
    const unreadable: ArrayBuffer[] = [];
    for (const face of sealed) {
      const read = await decryptFace(this.#keys, face);
      if (read) faces.push(read);
      else unreadable.push(face.name);
    }
    return { faces, unreadable };
  }

  /** @returns how many there were */
  async #remove(names: readonly ArrayBuffer[]): Promise<number> {
    const removed = await this.#use(async (database) => {
      const transaction = database.transaction('faces', 'readwrite');
      let found = 0;
      for (const name of names) {
        found += await transaction.store.count(name);
        await transaction.store.delete(name);
      }
      await transaction.done;
      return found;
    });
    if (removed > 0) this.#tellOthers();
    return removed;
  }

  async #deleteExpired(): Promise<void> {
    await this.#use(async (database) => {
      const transaction = database.transaction('faces', 'readwrite');
      const expired = await transaction.store.index('expires').getAllKeys(IDBKeyRange.upperBound(Date.now()));
      await Promise.all(expired.map((name) => transaction.store.delete(name)));
      await transaction.done;
    });
  }
}

function requireName(name: unknown): asserts name is string {
  requireInput(typeof name === 'string' && name !== '', '"name"', 'the name of a database', name);
}
