import { type Comparison, compare, type Embedded, Gallery, type Identification } from '@swinface/postprocessing';
import { FaceStore } from '@swinface/postprocessing/storage';
import type { FaceAnalyzer } from 'swinface';

type Manifest = FaceAnalyzer['manifest'];

/** Days for which people are remembered, once a person has asked for it. */
export const KEEP_DAYS = 30;
const DATABASE = 'swinface-faces';

/** The people that a visitor has named: on this page, and in this browser only where the visitor asked for it. */
export interface People {
  /** Names in the order in which they were given. */
  readonly names: readonly string[];
  readonly isRemembering: boolean;
  /** Whether this browser keeps anything, even if it cannot be read. */
  readonly isKept: boolean;
  /** How many of those that this browser keeps cannot be read. */
  readonly unreadable: number;
  /** Brings back the people who were remembered; opens and stores nothing if there are none. */
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
  /**
   * How alike a face is to each person, and what that says at a false match rate, most alike first; empty where there is
   * nothing to compare.
   */
  likeness(face: Embedded, falseMatchRate: number | undefined): readonly Likeness[];
  /** The person a face is taken for; undefined if there is none, or where the model has no measured threshold. */
  identify(face: Embedded, falseMatchRate: number | undefined): Identification | undefined;
  /** How often a stranger would be taken for one of these people; undefined where there are none, or nothing was measured. */
  falseIdentificationRate(falseMatchRate: number | undefined): number | undefined;
}

/** A person whom a face was compared with. */
export interface Likeness extends Comparison {
  readonly id: string;
}

/**
 * An empty list.
 *
 * @param onElsewhere called after another tab added, forgot or deleted people; `deleted`: all of them
 */
export function createPeople(onElsewhere: (deleted: boolean) => void): People {
  const faces = new Map<string, Embedded>();
  let model: Manifest | undefined;
  let gallery: Gallery | undefined;
  let verification: Manifest['calibration']['verification'] = [];
  let store: FaceStore | undefined;
  let isKept = false;
  let unreadable = 0;

  const exists = async () => (await indexedDB.databases()).some(({ name }) => name === DATABASE);
  const open = () => {
    isKept = true;
    return FaceStore.open({ keepDays: KEEP_DAYS, name: DATABASE, onChange: ({ deleted }) => void follow(deleted) });
  };
  const empty = () => {
    faces.clear();
    if (model) gallery = new Gallery(model);
  };
  /** Knows whom the other tab knows. */
  const follow = async (deleted: boolean) => {
    if (deleted) {
      store = undefined;
      isKept = false;
      unreadable = 0;
      empty();
    } else {
      // Closed meanwhile: then the other tab's deletion is what there is to follow.
      const kept = await store?.faces().catch(() => undefined);
      if (!kept) return;
      empty();
      for (const face of kept) {
        if (model && face.model !== model.id) continue;
        gallery?.add(face.id, face);
        faces.set(face.id, face);
      }
    }
    onElsewhere(deleted);
  };
  const forgetStored = async () => {
    // What another tab or an earlier visit kept goes too.
    const open = store;
    store = undefined;
    if (open) await open.deleteAll();
    else if (await exists()) await FaceStore.deleteAll(DATABASE);
    isKept = false;
    unreadable = 0;
  };

  return {
    get names() {
      return [...faces.keys()];
    },
    get isRemembering() {
      return store !== undefined;
    },
    get isKept() {
      return isKept;
    },
    get unreadable() {
      return unreadable;
    },
    async recall() {
      if (store || !(await exists())) return;
      store = await open();
      for (const face of await store.faces()) if (!faces.has(face.id)) faces.set(face.id, face);
      unreadable = await store.unreadable();
    },
    async use(manifest) {
      model = manifest;
      gallery = new Gallery(manifest);
      verification = manifest.calibration.verification;
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
      if (faces.has(name)) return;
      // Meanwhile another tab was followed, which did not know this one yet.
      gallery?.add(name, face);
      faces.set(name, face);
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
      empty();
      await forgetStored();
    },
    likeness(face, falseMatchRate) {
      if (!gallery || !face.embedding) return [];
      const rate = falseMatchRate === undefined ? {} : { falseMatchRate };
      const compared = [...faces].map(([id, person]) => ({ id, ...compare(face, person, verification, rate) }));
      return compared.sort((a, b) => b.similarity - a.similarity);
    },
    falseIdentificationRate: (falseMatchRate) =>
      gallery && gallery.size > 0 && falseMatchRate !== undefined
        ? gallery.rates({ falseMatchRate }).falseIdentificationRate
        : undefined,
    identify: (face, falseMatchRate) =>
      gallery && face.embedding && falseMatchRate !== undefined
        ? gallery.identify(face, { falseMatchRate })
        : undefined,
  };
}
