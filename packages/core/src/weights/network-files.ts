import * as v from 'valibot';
import { WeightsInvalidError } from '../errors.js';
import { checkTensor, type Network, type WeightMap } from '../networks/network.js';
import type { HostTensor } from '../tensor.js';
import { plainFileName } from './file-name.js';
import { decodeTensor, describeIssue, findUnbounded, parseSafetensors } from './safetensors.js';
import { type ExpectedFile, verifyFile } from './verify.js';

/** Files of networks that belong together, such as those that find faces: one safetensors file each. */
export interface NetworkFiles {
  readonly licence: string;
  readonly networks: Readonly<Record<string, ExpectedFile>>;
}

const name = v.pipe(v.string(), v.regex(/^[\w.-]{1,100}$/));
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const schema = v.strictObject({
  format: v.literal('swinface-networks'),
  version: v.literal(1),
  licence: v.pipe(v.string(), v.maxLength(1000)),
  networks: v.record(
    name,
    v.strictObject({
      file: plainFileName,
      bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(8), v.maxValue(100_000_000)),
      sha256: hash,
      source: v.strictObject({ package: v.pipe(v.string(), v.maxLength(200)), sha256: hash }),
    }),
  ),
});

/**
 * Reads the manifest of such files.
 *
 * @param json the parsed file
 * @throws {WeightsInvalidError} saying which field breaks the format
 */
export function parseNetworkFiles(json: unknown): NetworkFiles {
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return parsed.output;
  throw new WeightsInvalidError(`The manifest of the networks is not valid: ${describeIssue(parsed.issues[0])}.`);
}

/**
 * A network's weights from its file.
 *
 * @throws {WeightsInvalidError} if the file is not the one that was expected, is damaged, or does not fit the network
 */
export async function readNetworkFile(network: Network, expected: ExpectedFile, file: Uint8Array): Promise<WeightMap> {
  await verifyFile(expected, file);
  const stored = parseSafetensors(file, expected.file);
  const weights = new Map<string, HostTensor>();
  for (const tensor of network.tensors.keys()) {
    const found = stored.get(tensor);
    const bad = found && findUnbounded(found);
    if (bad) throw new WeightsInvalidError(`The tensor ${tensor} holds ${bad.value} at ${bad.at}.`);
    weights.set(tensor, checkTensor(network, tensor, found && decodeTensor(found)));
  }
  const extra = [...stored.keys()].find((tensor) => !weights.has(tensor));
  if (extra !== undefined)
    throw new WeightsInvalidError(`${expected.file} holds ${extra}, which ${network.name} has not.`);
  return weights;
}
