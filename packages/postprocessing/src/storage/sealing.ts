import type { Embedded } from '../types.js';

/** A face that was kept. */
export interface StoredFace extends Embedded {
  readonly id: string;
  /** At length 1. */
  readonly embedding: Float32Array;
  readonly agreement: number;
  /** Milliseconds since 1970 when it will be deleted. */
  readonly expires: number;
}

/** Keys that no script can export. */
export interface FaceKeys {
  /** AES-GCM. */
  readonly encryption: CryptoKey;
  /** HMAC, by which ids become names that say nothing. */
  readonly naming: CryptoKey;
}

/** A face as it lies in the database. */
export interface SealedFace {
  /** HMAC-SHA-256 of the id. */
  readonly name: ArrayBuffer;
  readonly iv: Uint8Array<ArrayBuffer>;
  readonly sealed: ArrayBuffer;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

type Header = Pick<StoredFace, 'id' | 'model' | 'agreement'>;

/** New keys. */
export async function newKeys(): Promise<FaceKeys> {
  const [encryption, naming] = await Promise.all([
    crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']),
    crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign']),
  ]);
  return { encryption, naming };
}

/** What a face of this id is called in the database. */
export const sealedName = ({ naming }: FaceKeys, id: string): Promise<ArrayBuffer> =>
  crypto.subtle.sign('HMAC', naming, new TextEncoder().encode(id));

/** Encrypts a face under its own random initialisation vector; name and expiry are authenticated with it. */
export async function encryptFace(keys: FaceKeys, face: StoredFace): Promise<SealedFace> {
  const { id, model, embedding, agreement, expires } = face;
  const name = await sealedName(keys, id);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const header = new TextEncoder().encode(JSON.stringify({ id, model, agreement }));
  const plain = new Uint8Array(4 + header.length + embedding.byteLength);
  new DataView(plain.buffer).setUint32(0, header.length);
  plain.set(header, 4);
  plain.set(new Uint8Array(embedding.buffer, embedding.byteOffset, embedding.byteLength), 4 + header.length);
  const sealed = await crypto.subtle.encrypt(algorithm(iv, name, expires), keys.encryption, plain);
  return { name, iv, sealed, expires };
}

/** @returns undefined if it was altered, moved to another name or expiry, damaged, or encrypted with another key */
export async function decryptFace(
  { encryption }: FaceKeys,
  { name, iv, sealed, expires }: SealedFace,
): Promise<StoredFace | undefined> {
  let plain: ArrayBuffer;
  try {
    plain = await crypto.subtle.decrypt(algorithm(iv, name, expires), encryption, sealed);
  } catch {
    return undefined;
  }
  // Authenticated, so it is what `encryptFace` wrote.
  const start = 4 + new DataView(plain).getUint32(0);
  const header = JSON.parse(new TextDecoder().decode(plain.slice(4, start)));
  return { ...(header as Header), embedding: new Float32Array(plain.slice(start)), expires };
}

function algorithm(iv: Uint8Array<ArrayBuffer>, name: ArrayBuffer, expires: number): AesGcmParams {
  const additionalData = new Uint8Array(name.byteLength + 8);
  additionalData.set(new Uint8Array(name));
  new DataView(additionalData.buffer).setFloat64(name.byteLength, expires);
  return { name: 'AES-GCM', iv, additionalData };
}
