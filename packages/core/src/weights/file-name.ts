import * as v from 'valibot';

/** Name of a file in a manifest that others wrote: nothing that an address could take for a folder, a host or a scheme. */
export const plainFileName = v.pipe(
  v.string(),
  v.maxLength(200),
  v.regex(/^[\w-][\w.-]*$/, 'must be a plain file name beside the manifest, without folders or a scheme'),
);
