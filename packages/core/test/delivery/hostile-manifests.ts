import type { Answer, Behaviour } from './hostile.js';

const JSON_TYPE = { 'content-type': 'application/json' };
const bytes =
  (make: (honest: Buffer) => string | Uint8Array): Answer =>
  (response, honest) =>
    response.writeHead(200, JSON_TYPE).end(make(honest));
// biome-ignore lint/suspicious/noExplicitAny: what is done to it is what types forbid.
type Loose = any;
/** The honest manifest, changed. */
const edited = (change: (manifest: Loose) => unknown): Answer =>
  bytes((honest) => {
    const manifest = JSON.parse(honest.toString());
    return JSON.stringify(change(manifest) ?? manifest);
  });
const shardCalled = (file: unknown): Behaviour => ({
  manifest: edited(({ shards }) => void Object.assign(shards[0], { file })),
  gives: /WEIGHTS_INVALID.*shards\.0\.file/,
});
const shardOf = (size: unknown): Behaviour => ({
  manifest: edited(({ shards }) => void Object.assign(shards[0], { bytes: size })),
  gives: /WEIGHTS_INVALID.*(shards\.0\.bytes|more bytes than)/,
});
const text = (content: string | Uint8Array, gives: Behaviour['gives']): Behaviour => ({
  manifest: bytes(() => content),
  gives,
});
/** In the text, because objects that JSON is made of do not have such keys. */
const replaced = (part: RegExp, by: string, gives: RegExp): Behaviour => ({
  manifest: bytes((honest) => honest.toString().replace(part, by)),
  gives,
});

/** Of servers that answer for the manifest. */
export const MANIFESTS: Readonly<Record<string, Behaviour>> = {
  'no JSON': text('swinface', /MODEL_DOWNLOAD.*not a model manifest/),
  nothing: text('', /MODEL_DOWNLOAD.*not a model manifest/),
  null: text('null', /WEIGHTS_INVALID/),
  'a list': text('[]', /WEIGHTS_INVALID/),
  'a number': text('1e999', /WEIGHTS_INVALID/),
  'lists in lists, a million deep': text('['.repeat(1e6) + ']'.repeat(1e6), /WEIGHTS_INVALID|MODEL_DOWNLOAD/),
  'bytes that are no UTF-8': text(Uint8Array.of(0xff, 0xfe, 0x7b, 0), /MODEL_DOWNLOAD.*not a model manifest/),
  'JSON without end': {
    manifest: (response) => {
      response.writeHead(200, JSON_TYPE);
      const write = () => {
        while (!response.closed && response.write('['.repeat(65_536)));
      };
      response.on('drain', write);
      write();
    },
    gives: /WEIGHTS_INVALID.*longer/,
  },
  'a byte order mark before it': { manifest: bytes((honest) => `\ufeff${honest}`), gives: 'loads' },
  'a shard in the folder above': shardCalled('../secret.safetensors'),
  'a shard that is the folder above': shardCalled('..'),
  'a shard on another host': shardCalled('https://elsewhere.invalid/x'),
  'a shard on another host, by two slashes': shardCalled('//elsewhere.invalid/x'),
  'a shard beyond a backslash': shardCalled('..\\x'),
  'a shard in disguise': shardCalled('%2e%2e%2fx'),
  'a shard that is data': shardCalled('data:,x'),
  'a shard whose name breaks the line': shardCalled('x\r\nHost: y'),
  'a shard without a name': shardCalled(''),
  'a shard that is called 7': shardCalled(7),
  'a shard of two gigabytes': shardOf(2 ** 31),
  'a shard of 1e308 bytes': shardOf(1e308),
  'a shard of -1 bytes': shardOf(-1),
  'a shard of "12" bytes': shardOf('12'),
  'a hash in capitals': {
    manifest: edited(({ shards }) => void Object.assign(shards[0], { sha256: 'A'.repeat(64) })),
    gives: /WEIGHTS_INVALID.*sha256/,
  },
  'a thousand and one shards': {
    manifest: edited(({ shards }) => void shards.push(...Array(1001).fill(shards[0]))),
    gives: /WEIGHTS_INVALID.*shards/,
  },
  'no shards': { manifest: edited((manifest) => ({ ...manifest, shards: [] })), gives: /WEIGHTS_INVALID.*shards/ },
  'a tensor in a shard that is not there': replaced(/"shard":0\}/, '"shard":99}', /WEIGHTS_INVALID.*shard 99/),
  'a tensor in another shard': replaced(/"shard":0\}/, '"shard":1}', /WEIGHTS_INVALID/),
  'a tensor called __proto__': replaced(/"tensors":\{"[^"]+"/, '"tensors":{"__proto__"', /WEIGHTS_INVALID/),
  'a tensor called constructor': replaced(/"tensors":\{"[^"]+"/, '"tensors":{"constructor"', /WEIGHTS_INVALID/),
  'a tensor of another type': replaced(/"dtype":"F32"/, '"dtype":"F16"', /WEIGHTS_INVALID.*not what the manifest/),
  'a tensor with an absurd side': replaced(/"shape":\[\d+/, '"shape":[9007199254740991', /WEIGHTS_INVALID.*shape/),
  'a tensor too few': {
    manifest: edited(({ tensors }) => void delete tensors[Object.keys(tensors)[0] ?? '']),
    gives: /WEIGHTS_INVALID.*lacks/,
  },
  'a network of absurd width': replaced(/"embed":\d+/, '"embed":1e9', /WEIGHTS_INVALID.*embed/),
  'an output called __proto__': {
    manifest: edited(({ config }) => void Object.assign(config.subnets[0].tasks[0], { name: '__proto__' })),
    gives: /WEIGHTS_INVALID.*__proto__/,
  },
  'an infinite measure': replaced(/"metrics":\{\}/, '"metrics":{"lfw":1e999}', /WEIGHTS_INVALID.*metrics/),
  'a temperature of nothing': replaced(
    /"temperatures":\{\}/,
    '"temperatures":{"Age":0}',
    /WEIGHTS_INVALID.*temperatures/,
  ),
  'another version': replaced(/"version":1/, '"version":2', /WEIGHTS_INVALID.*version/),
  'keys that nobody knows': replaced(/^\{/, '{"onload":"alert(1)",', /WEIGHTS_INVALID.*onload/),
  'a list where numbers are': replaced(/"ageIntervals":\[\]/, '"ageIntervals":[null]', /WEIGHTS_INVALID.*ageIntervals/),
};
