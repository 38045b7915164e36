import { type Binding, codeOf, type Variant } from './kernel.js';

/** Names of the fastest variants, by what identifies a kernel. */
export type Findings = ReadonlyMap<string, string>;

/** What identifies a kernel among those of one maxFaces. */
interface Identifiable {
  readonly variants: readonly [Variant, ...Variant[]];
  /** See {@link sizesOf}. */
  readonly sizes: readonly number[];
}

/** What a kernel's uniforms say. */
export const sizesOf = (bindings: readonly Binding[]): number[] =>
  bindings.flatMap(({ access, resource }) => {
    if (access !== 'uniform') return [];
    const members = new ArrayBuffer(4 * resource.length);
    resource.fill(members);
    return [...new Uint32Array(members)];
  });

/**
 * A hash of a kernel's shaders, their constants and sizes: findings are never applied to a kernel that was changed since.
 */
export function identify({ variants, sizes }: Identifiable, faces: number): string {
  const ways = variants.map(({ name, shader, constants }) => [name, codeOf(shader), constants]);
  return `${variants[0].entryPoint} ${fnv1a(JSON.stringify([ways, sizes, faces]))}`;
}

/** FNV-1a, 32 bits. */
function fnv1a(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** Keeps findings by adapter. Failing to is no error: they are found anew. */
interface FindingsStore {
  load(adapter: string): Promise<Findings>;
  save(adapter: string, findings: Findings): Promise<void>;
}

/** Everything that a browser tells of an adapter and its driver. */
export const adapterKey = ({ vendor, architecture, device, description }: GPUAdapterInfo): string =>
  [vendor, architecture, device, description].join('|');

const DATABASE = 'swinface-tuning';
const STORE = 'findings';

/** In IndexedDB where there is one, as long as the process lives elsewhere. */
export const findingsStore: FindingsStore = {
  async load(adapter) {
    const kept = remembered.get(adapter);
    if (kept) return kept;
    const found = await withStore('readonly', (store) => store.get(adapter));
    return parse(found);
  },
  async save(adapter, findings) {
    remembered.set(adapter, findings);
    await withStore('readwrite', (store) => store.put(Object.fromEntries(findings), adapter));
  },
};

const remembered = new Map<string, Findings>();

/** @returns undefined where there is no database, or it refuses (private windows, full disks, other versions) */
async function withStore(mode: IDBTransactionMode, use: (store: IDBObjectStore) => IDBRequest): Promise<unknown> {
  if (typeof indexedDB === 'undefined') return undefined;
  try {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => void opening.result.createObjectStore(STORE);
    const database = await settled(opening);
    try {
      return await settled(use(database.transaction(STORE, mode).objectStore(STORE)));
    } finally {
      // What is written is written before it closes.
      database.close();
    }
  } catch {
    return undefined;
  }
}

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Other code of the origin may have written anything there; a name that no variant has is ignored later. */
function parse(stored: unknown): Findings {
  if (typeof stored !== 'object' || stored === null) return new Map();
  return new Map(Object.entries(stored).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}
