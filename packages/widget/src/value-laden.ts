import type { Face } from 'swinface';

/** Name of a yes/no attribute, e.g. `'Eyeglasses'`. */
export type AttributeName = keyof Face['attributes'];

/**
 * Attributes that record an annotator's opinion of a body or a taste, rather than something to be seen or worn.
 * The widget neither shows nor reports them unless its `outputs` name them.
 */
export const VALUE_LADEN: ReadonlySet<AttributeName> = new Set<AttributeName>([
  'Attractive',
  'Bags Under Eyes',
  'Big Lips',
  'Big Nose',
  'Bushy Eyebrows',
  'Chubby',
  'Double Chin',
  'Heavy Makeup',
  'High Cheekbones',
  'Narrow Eyes',
  'Oval Face',
  'Pale Skin',
  'Pointy Nose',
  'Receding Hairline',
  'Rosy Cheeks',
  'Young',
]);
