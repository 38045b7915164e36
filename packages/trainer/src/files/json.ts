/** Finds where the parts of a JSON text stand, and where one that is malformed goes wrong. */

/** Deeper than any file that is read; beyond it the outermost part's place is given. */
const MAX_DEPTH = 200;
const LITERAL = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
/** Of a string: characters as they are, or one that is written with a backslash. */
const PLAIN = /[^"\\]*/y;
/** Characters below this must be written with a backslash. */
const FIRST_PLAIN = 0x20;
const ESCAPED = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;
const BLANK = /[ \t\r\n]*/y;

class Malformed extends Error {}

class Scanner {
  readonly starts = new Map<string, number>();
  at = 0;

  constructor(private readonly text: string) {}

  /** Walks over one value, noting where it and its parts start. */
  value(path: readonly (string | number)[]): void {
    if (path.length > MAX_DEPTH) throw new Malformed();
    this.#take(BLANK);
    this.starts.set(keyOf(path), this.at);
    if (this.#skip('{')) {
      this.#list('}', () => {
        this.#take(BLANK);
        const name: unknown = JSON.parse(this.#string());
        this.#take(BLANK);
        if (!this.#skip(':')) throw new Malformed();
        this.value([...path, String(name)]);
      });
    } else if (this.#skip('[')) {
      let index = 0;
      this.#list(']', () => this.value([...path, index++]));
    } else if (this.text[this.at] === '"') this.#string();
    else this.#take(LITERAL);
  }

  /** Walks over blanks: whatever stands behind them does not belong there. */
  end(): void {
    this.#take(BLANK);
  }

  #list(end: string, item: () => void): void {
    this.#take(BLANK);
    if (this.#skip(end)) return;
    for (;;) {
      item();
      this.#take(BLANK);
      if (this.#skip(end)) return;
      if (!this.#skip(',')) throw new Malformed();
    }
  }

  /** Takes a string, with its quotes. */
  #string(): string {
    const start = this.at;
    if (!this.#skip('"')) throw new Malformed();
    for (;;) {
      const from = this.at;
      const end = from + this.#take(PLAIN).length;
      for (let i = from; i < end; i++) {
        if (this.text.charCodeAt(i) >= FIRST_PLAIN) continue;
        this.at = i;
        throw new Malformed();
      }
      if (this.#skip('"')) return this.text.slice(start, this.at);
      this.#take(ESCAPED);
    }
  }

  #skip(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const [found] = pattern.exec(this.text) ?? [];
    if (found === undefined) throw new Malformed();
    this.at = pattern.lastIndex;
    return found;
  }
}

const keyOf = (path: readonly (string | number)[]) => path.join('\0');

function scan(text: string): Scanner {
  const scanner = new Scanner(text);
  try {
    scanner.value([]);
    scanner.end();
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
  }
  return scanner;
}

const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length;

/** Line, from 1, in which a malformed JSON text goes wrong. */
export const malformedLine = (text: string): number => lineAt(text, scan(text).at);

/** Line, from 1, of a part of a JSON text; of the part around it if there is none. */
export function lineOf(text: string, path: readonly (string | number)[]): number {
  const { starts } = scan(text);
  for (let length = path.length; length > 0; length--) {
    const start = starts.get(keyOf(path.slice(0, length)));
    if (start !== undefined) return lineAt(text, start);
  }
  return lineAt(text, starts.get('') ?? 0);
}
