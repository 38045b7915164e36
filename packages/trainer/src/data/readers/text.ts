import { InvalidInputError } from '@swinface/core';

/** Lines with something in them. */
export const lines = (text: string): string[] => text.split(/\r?\n/).filter((line) => line.trim() !== '');

/** Fields of a line separated by blanks. */
export const words = (line: string): string[] => line.trim().split(/\s+/);

/** A row of a table by column name; an absent column reads as ''. */
export type Row = (column: string) => string;

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
 * @throws {InvalidInputError} if one of `required` is not among them.
 */
export function table(text: string, where: string, required: readonly string[], separator = ','): Row[] {
  const [head = '', ...rest] = lines(text.replace(/^\uFEFF/, ''));
  const columns = split(head, separator).map((name) => name.trim());
  const missing = required.filter((name) => !columns.includes(name));
  if (missing.length > 0) {
    throw new InvalidInputError(`${where} lacks columns.`, {
      expected: missing.join(', '),
      actual: columns.join(', '),
    });
  }
  return rest.map((line) => {
    const fields = split(line, separator);
    return (column) => fields[columns.indexOf(column)]?.trim() ?? '';
  });
}
