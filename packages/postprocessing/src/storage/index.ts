/**
 * Known faces kept in the browser, encrypted, for a limited time.
 *
 * @module
 */
import { DisposedError, InvalidInputError, UnsupportedDeviceError } from '@swinface/core';
import { type DBSchema, deleteDB, type IDBPDatabase, openDB } from 'idb';
import { takenId } from '../face-index.js';
import { Gallery } from '../gallery.js';
import { embeddingOf } from '../matching.js';
import { normalised } from '../numeric.js';
import { agreementOf } from '../threshold.js';
import type { Embedded, GalleryModel } from '../types.js';
import {
  decryptFace,
  encryptFace,
  type FaceKeys,
  newKeys,
  type SealedFace,
  type StoredFace,
  sealedName,
} from './sealing.js';

export type { StoredFace };

/** What {@link FaceStore.open} takes. */
export interface FaceStoreOptions {
  /** Days for which a face is kept after it was put: as few as the purpose needs. */
  readonly keepDays: number;
  /** Name of the IndexedDB database. Default `swinface-faces`. */
  readonly name?: string;
}

interface Schema extends DBSchema {
  readonly keys: { key: 'current'; value: FaceKeys };
  readonly faces: { key: ArrayBuffer; value: SealedFace; indexes: { expires: number } };
}

const DAY = 24 * 60 * 60 * 1000;

/**
 * Keeps known faces in IndexedDB until they expire. Embeddings identify people: nothing is kept unless `put` is called,
 * so ask the person first. Ids, models and embeddings are encrypted (AES-GCM, 256 bits); in the clear stand only the
 * number of faces, their sizes and when they expire.
 *
 * The key is made here and cannot be exported by any script, but the browser keeps it in the same profile folder: this
 * protects copies of the database and makes `deleteAll` final, it does not protect from who can use the browser itself.
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
  #closed = false;

  private constructor(name: string, lifetime: number, database: IDBPDatabase<Schema>, keys: FaceKeys) {
    this.#name = name;
    this.#lifetime = lifetime;
    this.#database = database;
    this.#keys = keys;
  }

  /**
   * Opens the database, or makes it with a new key, and deletes what has expired.
   *
   * @throws {InvalidInputError} if `keepDays` is not a number above 0
   * @throws {UnsupportedDeviceError} where there is no IndexedDB or WebCrypto (outside browsers, or without HTTPS)
   * @throws {DOMException} where the browser refuses to store
   */
  static async open({ keepDays, name = 'swinface-faces' }: FaceStoreOptions): Promise<FaceStore> {
    if (!(keepDays > 0 && keepDays < Infinity)) {
      throw new InvalidInputError('Faces are kept for a limited time.', {
        expected: 'days above 0',
        actual: String(keepDays),
      });
    }
    if (!globalThis.indexedDB || !globalThis.crypto?.subtle) {
      throw new UnsupportedDeviceError('Faces cannot be kept here.', {
        expected: 'IndexedDB and WebCrypto',
        hint: 'Use a browser, and serve the page over HTTPS or from localhost.',
      });
    }
    let store: FaceStore | undefined;
    const database = await openDB<Schema>(name, 1, {
      upgrade(created) {
        created.createObjectStore('keys');
        created.createObjectStore('faces', { keyPath: 'name' }).createIndex('expires', 'expires');
      },
      // Another tab wants to delete everything: do not stand in its way.
      blocking: () => store?.close(),
    });
    try {
      store = new FaceStore(name, keepDays * DAY, database, await keysOf(database));
      await store.#deleteExpired();
      return store;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /**
   * Keeps a face under an id, from now on for `keepDays`; an older one of the same id is replaced.
   *
   * @throws {InvalidInputError} if the id is empty or the face has no usable embedding
   * @throws {DisposedError} once closed
   * @throws {DOMException} where the browser refuses to store
   */
  async put(id: string, face: Embedded): Promise<void> {
    this.#check();
    if (typeof id !== 'string' || id === '') throw takenId(id);
    const embedding = normalised(embeddingOf(face), 'The embedding');
    const [agreement, expires] = [agreementOf(face), Date.now() + this.#lifetime];
    const stored = { id, model: face.model, embedding, agreement, expires };
    await this.#database.put('faces', await encryptFace(this.#keys, stored));
  }

  /**
   * Deletes a face; false if there is none of this id.
   *
   * @throws {DisposedError} once closed
   */
  async remove(id: string): Promise<boolean> {
    this.#check();
    const name = await sealedName(this.#keys, id);
    const transaction = this.#database.transaction('faces', 'readwrite');
    const found = (await transaction.store.count(name)) > 0;
    await transaction.store.delete(name);
    await transaction.done;
    return found;
  }

  /**
   * All faces that are kept; those that expired are deleted.
   *
   * @throws {InvalidInputError} if one was altered or encrypted with another key; nothing is made up
   * @throws {DisposedError} once closed
   */
  async faces(): Promise<readonly StoredFace[]> {
    this.#check();
    await this.#deleteExpired();
    const sealed = await this.#database.getAll('faces');
    return Promise.all(sealed.map((face) => decryptFace(this.#keys, face)));
  }

  /**
   * A gallery of all faces that are kept.
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
   * Deletes everything for good: faces, database and key; and closes.
   *
   * @throws {DisposedError} if closed already
   */
  async deleteAll(): Promise<void> {
    this.#check();
    this.close();
    await deleteDB(this.#name);
  }

  /** Closes the database; what is kept stays. More calls do nothing. */
  close(): void {
    this.#closed = true;
    this.#database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #check(): void {
    if (this.#closed) throw new DisposedError('This FaceStore was closed.', { hint: 'Open it again.' });
  }

  async #deleteExpired(): Promise<void> {
    const transaction = this.#database.transaction('faces', 'readwrite');
    const expired = await transaction.store.index('expires').getAllKeys(IDBKeyRange.upperBound(Date.now()));
    await Promise.all(expired.map((name) => transaction.store.delete(name)));
    await transaction.done;
  }
}

/** The database's keys, made where it has none. Two tabs that open it at once end up with the same. */
async function keysOf(database: IDBPDatabase<Schema>): Promise<FaceKeys> {
  const known = await database.get('keys', 'current');
  if (known) return known;
  const made = await newKeys();
  const transaction = database.transaction('keys', 'readwrite');
  const meanwhile = await transaction.store.get('current');
  if (!meanwhile) await transaction.store.put(made, 'current');
  await transaction.done;
  return meanwhile ?? made;
}
