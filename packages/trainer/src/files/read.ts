import { readFile, stat } from 'node:fs/promises';
import { InvalidInputError } from '@swinface/core';
import { lineOf, malformedLine } from './json.js';

/** Path of a part of a JSON value. */
export type JsonPath = readonly (string | number)[];

/** A JSON file. */
export interface JsonFile {
  readonly value: unknown;
  /** Where a part of it stands, as FILE:LINE. */
  readonly where: (path: JsonPath) => string;
}

/** The system's error codes in words. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file',
  EISDIR: 'a folder',
  EACCES: 'a file without permission to read it',
  EPERM: 'a file without permission to read it',
};

/** For `catch`: throws that a file cannot be read, and why. */
export const unreadable = (path: string, expected: string, hint?: string) => (cause: unknown) => {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  throw new InvalidInputError(`${path} cannot be read.`, {
    expected,
    actual: REASONS[code] ?? (code || String(cause)),
    ...(hint === undefined ? {} : { hint }),
    cause,
  });
};

/**
 * Reads a file.
 *
 * @param expected what should be there, for the message
 * @throws {InvalidInputError} if it cannot be read
 */
export const readBytes = (path: string, expected: string, hint?: string): Promise<Buffer> =>
  readFile(path).catch(unreadable(path, expected, hint));

/** As {@link readBytes}, as text. */
export const readText = (path: string, expected: string, hint?: string): Promise<string> =>
  readFile(path, 'utf8').catch(unreadable(path, expected, hint));

/** @throws {InvalidInputError} if there is no such file */
export async function requireFile(path: string, expected: string, hint?: string): Promise<void> {
  const found = await stat(path).catch(unreadable(path, expected, hint));
  if (!found.isFile()) unreadable(path, expected, hint)(Object.assign(new Error('a folder'), { code: 'EISDIR' }));
}

/**
 * Reads a JSON text.
 *
 * @param path of its file, for messages
 * @throws {InvalidInputError} naming the line in which it is malformed
 */
export function parseJson(text: string, path: string): JsonFile {
  try {
    const value: unknown = JSON.parse(text);
    return { value, where: (part) => `${path}:${lineOf(text, part)}` };
  } catch (cause) {
    const line = malformedLine(text);
    const actual = text.split('\n')[line - 1]?.trim().slice(0, 80);
    throw new InvalidInputError(`${path}:${line} is not JSON.`, {
      expected: 'JSON: quoted names, no comments, no comma before a closing bracket',
      actual: actual ? actual : 'the end of the file',
      cause,
    });
  }
}

/** As {@link parseJson}, from a file. */
export const readJson = async (path: string, expected: string, hint?: string): Promise<JsonFile> =>
  parseJson(await readText(path, expected, hint), path);
