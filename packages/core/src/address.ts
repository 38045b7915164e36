import { describeValue, isBranded } from '@swinface/geometry';
import { InvalidInputError } from './errors.js';

/** The address that relative ones are resolved against: that of the page or worker; undefined outside them. */
export const pageAddress = (): string | undefined => globalThis.document?.baseURI ?? globalThis.location?.href;

/**
 * The absolute address of a file that is fetched.
 *
 * @param what names the file in errors
 * @param example of an address
 * @param onDisk what to do with a file on this machine's disk
 * @throws {InvalidInputError} if it is not a URL, or one of a file on disk, which nothing can fetch
 */
export function fetchAddress(address: string | URL, what: string, example: string, onDisk: string): URL {
  const base = pageAddress();
  const isText = typeof address === 'string' || isBranded(address, 'URL');
  const url = isText && URL.canParse(address, base) ? new URL(address, base) : undefined;
  // "C:\\models" is a URL, too, of the scheme "c:".
  if (url && url.protocol !== 'file:' && !/^[a-z]:$/.test(url.protocol)) return url;
  throw new InvalidInputError(`The address of ${what} is not usable.`, {
    expected:
      base === undefined ? `a URL with a host, such as "https://example.org${example}"` : `a URL such as "${example}"`,
    actual: describeValue(isText ? String(address) : address),
    hint: base?.startsWith('file:') ? 'Open the page over http: browsers fetch nothing from disk.' : onDisk,
  });
}
