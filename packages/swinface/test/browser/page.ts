import * as swinface from 'swinface';

/** What a promise rejects with, as plain data; undefined if it does not. */
const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    ({ code, name, message }) => ({ code, name, message }) as { code: unknown; name: string; message: string },
  );

const harness = { ...swinface, rejection };
Object.assign(globalThis, { harness });

/** Type of the page's global. */
export type SdkHarness = typeof harness;
