import { InvalidInputError } from '@swinface/core';

/** A line and where it stands, as FILE:LINE. */
export interface Line {
  readonly text: string;
  readonly where: string;
}

/** Lines with something in them. */
export const lines = (text: string, path: string): Line[] =>
  text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .flatMap((line, i) => (line.trim() === '' ? [] : [{ text: line, where: `${path}:${i + 1}` }]));

/** Fields of a line separated by blanks. */
export const words = (line: string): string[] => line.trim().split(/\s+/);

/** A row of a table. */
export interface Row {
  /** Where it stands, as FILE:LINE. */
  readonly where: string;
  /** What a column holds, without blanks around it. */
  field(column: string): string;
}

/** Fields of one line, separated by `separator`; a field in double quotes may hold it. */
function split(line: string, separator: string): string[] {
  const fields: string[] = [];
  let [field, quoted] = ['', false];
  for (const c of line) {
    if (c === '"') quoted = !quoted;
    else if (c === separator && !quoted) {
      fields.push(field);
      field = '';
    } else field += c;
  }
  return [...fields, field];
}

/**
 * Rows of a table whose first line names the columns.
 *
 * @param path of its file, for messages
 * @throws {InvalidInputError} if one of `required` is not among them, or a row ends before one.
 */
export function table(text: string, path: string, required: readonly string[], separator = ','): Row[] {
  const [head, ...rest] = lines(text, path);
  const columns = split(head?.text ?? '', separator).map((name) => name.trim());
  const missing = required.filter((name) => !columns.includes(name));
  if (missing.length > 0) {
    throw new InvalidInputError(`${path} lacks columns.`, {
      expected: missing.join(', '),
      actual: columns.join(', '),
    });
  }
  const last = Math.max(...required.map((name) => columns.indexOf(name)));
  return rest.map(({ text: line, where }) => {
    const fields = split(line, separator);
    if (fields.length <= last) {
      throw new InvalidInputError(`${where} ends early.`, {
        expected: `${columns.length} columns, as the first line names`,
        actual: String(fields.length),
      });
    }
    return { where, field: (column) => fields[columns.indexOf(column)]?.trim() ?? '' };
  });
}
