import { type Embedded, Gallery, type GalleryMatch, type Identification } from '@swinface/postprocessing';
import { FaceStore } from '@swinface/postprocessing/storage';
import type { FaceAnalyzer } from 'swinface';

type Manifest = FaceAnalyzer['manifest'];

/** Days for which people are remembered by a browser that was told to. */
export const KEEP_DAYS = 30;
const DATABASE = 'swinface-faces';

/** The people that a visitor has named: on this page, and in this browser only where the visitor asked for it. */
export interface People {
  /** Names in the order in which they were given. */
  readonly names: readonly string[];
  readonly isRemembering: boolean;
  /** Brings back who was remembered, if anybody was; opens and stores nothing otherwise. */
  recall(): Promise<void>;
  /**
   * Says which model looks from now on. People whom another one looked at cannot be compared and are forgotten.
   *
   * @returns their names
   */
  use(manifest: Manifest): Promise<readonly string[]>;
  /** @throws {InvalidInputError} if the name is empty or taken */
  add(name: string, face: Embedded): Promise<void>;
  remove(name: string): Promise<void>;
  /** Keeps everybody, encrypted, for {@link KEEP_DAYS}; or deletes what is kept. */
  remember(wanted: boolean): Promise<void>;
  /** Forgets everybody, here and in the browser. */
  removeAll(): Promise<void>;
  /** How alike a face is to each person; empty where there is nothing to compare. */
  likeness(face: Embedded): readonly GalleryMatch[];
  /** Whom a face is taken for; undefined for nobody, or where the model has no measured threshold. */
  identify(face: Embedded, falseMatchRate: number | undefined): Identification | undefined;
}

/** Nobody yet. */
export function createPeople(): People {
  const faces = new Map<string, Embedded>();
  let gallery: Gallery | undefined;
  let store: FaceStore | undefined;

  const exists = async () => (await indexedDB.databases()).some(({ name }) => name === DATABASE);
  const open = () => FaceStore.open({ keepDays: KEEP_DAYS, name: DATABASE });
  const forgetStored = async () => {
    // What another tab or an earlier visit kept goes too.
    if (!store && !(await exists())) return;
    const doomed = store ?? (await open());
    store = undefined;
    await doomed.deleteAll();
  };

  return {
    get names() {
      return [...faces.keys()];
    },
    get isRemembering() {
      return store !== undefined;
    },
    async recall() {
      if (store || !(await exists())) return;
      store = await open();
      for (const face of await store.faces()) if (!faces.has(face.id)) faces.set(face.id, face);
    },
    async use(manifest) {
      gallery = new Gallery(manifest);
      const strangers: string[] = [];
      for (const [name, face] of faces) {
        if (face.model === manifest.id) {
          gallery.add(name, face);
        } else {
          faces.delete(name);
          await store?.remove(name);
          strangers.push(name);
        }
      }
      return strangers;
    },
    async add(name, face) {
      gallery?.add(name, face);
      faces.set(name, face);
      await store?.put(name, face);
    },
    async remove(name) {
      gallery?.remove(name);
      faces.delete(name);
      await store?.remove(name);
    },
    async remember(wanted) {
      if (!wanted) return forgetStored();
      store ??= await open();
      for (const [name, face] of faces) await store.put(name, face);
    },
    async removeAll() {
      for (const name of faces.keys()) gallery?.remove(name);
      faces.clear();
      await forgetStored();
    },
    likeness: (face) => (gallery && gallery.size > 0 && face.embedding ? gallery.search(face, gallery.size) : []),
    identify: (face, falseMatchRate) =>
      gallery && face.embedding && falseMatchRate !== undefined
        ? gallery.identify(face, { falseMatchRate })
        : undefined,
  };
}
