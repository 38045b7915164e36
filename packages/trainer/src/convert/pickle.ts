/**
 * Python's pickle, without Python: a machine that can build plain values and nothing else. It has no way to import or to
 * call anything; the names that a pickle asks for are looked up in the caller's table and refused when they are not in it.
 * It takes one step per byte at most and has no jumps, so it ends; what it may build is bounded below.
 * Opcodes: https://github.com/python/cpython/blob/main/Lib/pickletools.py
 */
import { WeightsInvalidError } from '@swinface/core';

/** What a pickle is made of. Dictionaries keep their order; ordered ones are the same here. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | PickleTuple
  | PickleDict
  | PickleGlobal
  | PickleObject;

/** A Python dict. */
export type PickleDict = Map<string | number | bigint | boolean, PickleValue>;

/** A Python tuple. */
export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** A name that the pickle asked for and the caller knows. */
export class PickleGlobal {
  constructor(readonly name: string) {}
}

/** Anything that the caller's functions build extends this. */
export abstract class PickleObject {
  abstract readonly kind: string;
}

/** What the caller allows. */
export interface PickleHost {
  /** Functions by "module name"; `null` for names that may be mentioned but not called. */
  readonly globals: ReadonlyMap<string, ((args: readonly PickleValue[]) => PickleValue) | null>;
  /** Gives the object that the pickle refers to from outside, such as a storage. */
  readonly persistent: (id: PickleValue) => PickleValue;
}

/** A full-size checkpoint with its optimiser has a pickle of about 200 kB, 50,000 opcodes and 4,000 containers. */
const MAX_BYTES = 16 * 2 ** 20;
const MAX_OPCODES = 2_000_000;
const MAX_CONTAINERS = 250_000;
const MAX_MARKS = 1000;

const refuse = (what: string) => new WeightsInvalidError(`The pickle is invalid: ${what}.`);

/**
 * Reads a pickle of protocol 2 to 5.
 *
 * @throws {WeightsInvalidError} if it asks for a name that is not in the host's table (named in the message), uses an
 *   opcode that plain values do not need, is damaged, or would build more than a checkpoint has
 */
export function unpickle(bytes: Uint8Array, host: PickleHost): PickleValue {
  if (bytes.length > MAX_BYTES) {
    throw new WeightsInvalidError('The pickle is too large for a checkpoint.', {
      expected: `at most ${MAX_BYTES} bytes`,
      actual: String(bytes.length),
    });
  }
  return new Unpickler(bytes, host).run();
}

class Unpickler {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #host: PickleHost;
  readonly #stack: PickleValue[] = [];
  /** Heights of the stack at the open marks. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #at = 0;
  #containers = 0;

  constructor(bytes: Uint8Array, host: PickleHost) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#host = host;
  }

  run(): PickleValue {
    const protocol = this.#byte() === 0x80 ? this.#byte() : 0;
    if (protocol < 2 || protocol > 5) throw refuse('it does not start as a pickle of protocol 2 to 5');
    for (let step = 0; ; step++) {
      if (step > MAX_OPCODES) throw refuse(`it has more than ${MAX_OPCODES} opcodes`);
      const opcode = this.#byte();
      if (opcode === 0x2e /* STOP */) break;
      this.#step(opcode);
    }
    const [result, ...rest] = this.#stack;
    if (result === undefined || rest.length > 0 || this.#marks.length > 0) throw refuse('it does not end in one value');
    return result;
  }

  #step(opcode: number): void {
    const literal = this.#literal(opcode);
    if (literal !== undefined) {
      this.#stack.push(literal);
      return;
    }
    switch (opcode) {
      case 0x28: // MARK
        if (this.#marks.length >= MAX_MARKS) throw refuse(`it nests deeper than ${MAX_MARKS}`);
        this.#marks.push(this.#stack.length);
        return;
      case 0x71: // BINPUT
        this.#put(this.#byte());
        return;
      case 0x72: // LONG_BINPUT
        this.#put(this.#uint32());
        return;
      case 0x94: // MEMOIZE
        this.#put(this.#memo.size);
        return;
      case 0x61: // APPEND
        this.#append([this.#pop()]);
        return;
      case 0x65: // APPENDS
        this.#append(this.#popMark());
        return;
      case 0x73: // SETITEM
        this.#setItems([this.#pop(), this.#pop()].reverse());
        return;
      case 0x75: // SETITEMS
        this.#setItems(this.#popMark());
        return;
      case 0x62: // BUILD
        this.#build();
        return;
      case 0x95: // FRAME: only says how much to read ahead
        this.#take(8);
        return;
      default:
        throw refuse(
          `it uses the opcode 0x${opcode.toString(16).padStart(2, '0')} at byte ${this.#at - 1}, which weights do not need`,
        );
    }
  }

  /** The value that an opcode pushes, undefined if it pushes none. */
  #literal(opcode: number): PickleValue | undefined {
    switch (opcode) {
      case 0x4e: // NONE
        return null;
      case 0x88: // NEWTRUE
        return true;
      case 0x89: // NEWFALSE
        return false;
      case 0x4b: // BININT1
        return this.#byte();
      case 0x4d: // BININT2
        return this.#view.getUint16(this.#skip(2), true);
      case 0x4a: // BININT
        return this.#view.getInt32(this.#skip(4), true);
      case 0x8a: // LONG1
        return integer(this.#take(this.#byte()));
      case 0x47: // BINFLOAT
        return this.#view.getFloat64(this.#skip(8), false);
      case 0x58: // BINUNICODE
        return this.#text(this.#uint32());
      case 0x8c: // SHORT_BINUNICODE
        return this.#text(this.#byte());
      case 0x42: // BINBYTES
        return this.#take(this.#uint32());
      case 0x43: // SHORT_BINBYTES
        return this.#take(this.#byte());
      case 0x5d: // EMPTY_LIST
        return this.#container([]);
      case 0x7d: // EMPTY_DICT
        return this.#container(new Map());
      case 0x29: // EMPTY_TUPLE
        return this.#tuple([]);
      case 0x85: // TUPLE1
        return this.#tuple(this.#popMany(1));
      case 0x86: // TUPLE2
        return this.#tuple(this.#popMany(2));
      case 0x87: // TUPLE3
        return this.#tuple(this.#popMany(3));
      case 0x74: // TUPLE
        return this.#tuple(this.#popMark());
      case 0x68: // BINGET
        return this.#get(this.#byte());
      case 0x6a: // LONG_BINGET
        return this.#get(this.#uint32());
      case 0x63: // GLOBAL
        return this.#global(this.#line(), this.#line());
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.#popMany(2);
        if (typeof module !== 'string' || typeof name !== 'string') throw refuse('it asks for a name that is no text');
        return this.#global(module, name);
      }
      case 0x52: // REDUCE
        return this.#reduce();
      case 0x51: // BINPERSID
        return this.#container(this.#host.persistent(this.#pop()));
      default:
        return undefined;
    }
  }

  /** Moves on by `length` bytes; gives where they start. */
  #skip(length: number): number {
    const start = this.#at;
    if (length > this.#bytes.length - start) throw refuse('it is cut short');
    this.#at = start + length;
    return start;
  }

  #byte(): number {
    return this.#view.getUint8(this.#skip(1));
  }

  #uint32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  #take(length: number): Uint8Array {
    const start = this.#skip(length);
    return this.#bytes.subarray(start, start + length);
  }

  #text(length: number): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.#take(length));
    } catch (cause) {
      if (cause instanceof WeightsInvalidError) throw cause;
      throw refuse('a text is not UTF-8');
    }
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0 || end - this.#at > 1000) throw refuse('a name does not end');
    const text = this.#text(end - this.#at);
    this.#at = end + 1;
    return text;
  }

  /** Counts what is built; every such value takes memory that its opcode's single byte does not speak of. */
  #container<T extends PickleValue>(value: T): T {
    if (++this.#containers > MAX_CONTAINERS) throw refuse(`it builds more than ${MAX_CONTAINERS} objects`);
    return value;
  }

  #tuple(items: readonly PickleValue[]): PickleTuple {
    return this.#container(new PickleTuple(items));
  }

  /** The stack above the innermost mark belongs to it; what lies below is out of reach. */
  #pop(): PickleValue {
    const floor = this.#marks.at(-1) ?? 0;
    const value = this.#stack.length > floor ? this.#stack.pop() : undefined;
    if (value === undefined) throw refuse('it takes from an empty stack');
    return value;
  }

  #popMany(count: number): PickleValue[] {
    return Array.from({ length: count }, () => this.#pop()).reverse();
  }

  #popMark(): PickleValue[] {
    const height = this.#marks.pop();
    if (height === undefined) throw refuse('it closes a group that it never opened');
    return this.#stack.splice(height);
  }

  #top(): PickleValue {
    const value = this.#pop();
    this.#stack.push(value);
    return value;
  }

  #put(index: number): void {
    this.#memo.set(index, this.#top());
  }

  #get(index: number): PickleValue {
    const value = this.#memo.get(index);
    if (value === undefined) throw refuse(`it recalls ${index}, which it never noted`);
    return value;
  }

  #append(items: readonly PickleValue[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw refuse('it appends to something that is no list');
    for (const item of items) list.push(item);
  }

  #setItems(items: readonly PickleValue[]): void {
    const dict = this.#top();
    if (!(dict instanceof Map) || items.length % 2 !== 0) throw refuse('it sets entries of something that is no dict');
    for (let i = 0; i < items.length; i += 2) {
      const [key, value] = [items[i], items[i + 1] as PickleValue];
      if (typeof key !== 'string' && typeof key !== 'number' && typeof key !== 'bigint' && typeof key !== 'boolean') {
        throw refuse('a dict has a key that is neither text nor number');
      }
      if (dict.has(key)) throw refuse(`a dict has the key ${JSON.stringify(String(key)).slice(0, 200)} twice`);
      dict.set(key, value);
    }
  }

  #global(module: string, name: string): PickleGlobal {
    const full = `${module} ${name}`;
    if (!this.#host.globals.has(full)) {
      throw new WeightsInvalidError(`The pickle asks for ${JSON.stringify(`${module}.${name}`)}, which is refused.`, {
        expected: `tensors and plain values: nothing but ${[...this.#host.globals.keys()].map((known) => known.replace(' ', '.')).join(', ')}`,
        hint: 'Nothing of it was run. If you trust the file, load it in PyTorch and save its state_dict alone.',
      });
    }
    return this.#container(new PickleGlobal(full));
  }

  #reduce(): PickleValue {
    const [callee, args] = this.#popMany(2);
    if (!(callee instanceof PickleGlobal) || !(args instanceof PickleTuple))
      throw refuse('it calls something that is no name');
    const call = this.#host.globals.get(callee.name);
    if (!call) throw refuse(`it calls ${callee.name.replace(' ', '.')}, which is no function`);
    return this.#container(call(args.items));
  }

  /** State of an object: only ordered dicts have one (a module's version numbers), which is not needed. */
  #build(): void {
    this.#pop();
    if (!(this.#top() instanceof Map)) throw refuse('it gives a state to something that has none');
  }
}

/** Little-endian two's complement of any length. */
function integer(bytes: Uint8Array): number | bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
  const signed = bytes.length === 0 ? 0n : BigInt.asIntN(8 * bytes.length, value);
  return signed >= BigInt(Number.MIN_SAFE_INTEGER) && signed <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(signed)
    : signed;
}
