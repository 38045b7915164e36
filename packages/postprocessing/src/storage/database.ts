import { InvalidInputError, UnsupportedDeviceError } from '@swinface/core';
import { type DBSchema, deleteDB, type IDBPDatabase, openDB } from 'idb';
import { type FaceKeys, newKeys, type SealedFace } from './sealing.js';

export interface Schema extends DBSchema {
  readonly keys: { key: 'current'; value: FaceKeys };
  readonly faces: { key: ArrayBuffer; value: SealedFace; indexes: { expires: number } };
}

const VERSION = 1;
const FORGET = 'FaceStore.deleteAll(name) deletes it without opening it.';

/**
 * Opens the database, or makes it.
 *
 * @param onBlocking another tab wants to delete it, or to give it a later version
 * @throws {InvalidInputError} if a later version of this package made it
 * @throws {UnsupportedDeviceError} where it cannot be opened
 */
export async function openFaces(
  name: string,
  onBlocking: (wants: 'deletion' | 'upgrade') => void,
): Promise<IDBPDatabase<Schema>> {
  requireStorage();
  try {
    return await openDB<Schema>(name, VERSION, {
      upgrade(created) {
        created.createObjectStore('keys');
        created.createObjectStore('faces', { keyPath: 'name' }).createIndex('expires', 'expires');
      },
      blocking: (_, version) => onBlocking(version === null ? 'deletion' : 'upgrade'),
    });
  } catch (cause) {
    if (!isDomException(cause, 'VersionError')) throw refused(cause);
    throw new InvalidInputError(`A later version of this package made the database ${JSON.stringify(name)}.`, {
      expected: `a database of version ${VERSION}`,
      actual: 'one of a later version',
      hint: `Update @swinface/postprocessing, or reload the page where an old one is open. ${FORGET}`,
      cause,
    });
  }
}

/**
 * Deletes the database, whatever is in it. Tabs that have it open close it first.
 *
 * @throws {UnsupportedDeviceError} where the browser refuses
 */
export async function deleteFaces(name: string): Promise<void> {
  requireStorage();
  await deleteDB(name).catch((cause: unknown) => {
    throw refused(cause);
  });
}

/**
 * The database's keys, made where it has none. Two tabs that open it at once end up with the same.
 *
 * @throws {InvalidInputError} if what is in their place are no keys
 */
export async function keysOf(database: IDBPDatabase<Schema>): Promise<FaceKeys> {
  const known = await database.get('keys', 'current');
  if (known) return checked(known);
  const made = await newKeys();
  const transaction = database.transaction('keys', 'readwrite');
  const meanwhile = await transaction.store.get('current');
  if (!meanwhile) await transaction.store.put(made, 'current');
  await transaction.done;
  return meanwhile ? checked(meanwhile) : made;
}

function checked(keys: Partial<FaceKeys>): FaceKeys {
  const { encryption, naming } = keys;
  if (encryption instanceof CryptoKey && naming instanceof CryptoKey) return { encryption, naming };
  throw new InvalidInputError('The key of the stored faces is damaged, so that none of them can be read.', {
    expected: 'two keys of WebCrypto',
    actual: 'something else',
    hint: `Enrol again. ${FORGET}`,
  });
}

/** For what a browser's storage throws: full disks, blocked site data, private windows. */
export const refused = (cause: unknown): UnsupportedDeviceError =>
  new UnsupportedDeviceError(
    isDomException(cause, 'QuotaExceededError')
      ? "Faces cannot be kept: the browser's storage for this site is full."
      : "Faces cannot be kept here: the browser's storage refused.",
    { actual: String(cause), hint: 'Free space, or allow this site to keep data.', cause },
  );

const isDomException = (error: unknown, name: string): boolean => error instanceof DOMException && error.name === name;

function requireStorage(): void {
  if (globalThis.indexedDB && globalThis.crypto?.subtle) return;
  throw new UnsupportedDeviceError('Faces cannot be kept here.', {
    expected: 'IndexedDB and WebCrypto',
    hint: 'Use a browser, and serve the page over HTTPS or from localhost.',
  });
}
