import { InvalidInputError, type Manifest, type OutputSelection, selectOutputs } from '@swinface/core';

/** Outputs that read one crop, computed by one compiled network. */
export interface CropGroup {
  /** As in the manifest: 1 is the tight crop. */
  readonly zoom: number;
  readonly selection: OutputSelection;
}

/**
 * The networks to compile for a choice of outputs: one per crop that any of them reads.
 *
 * @param names outputs to compute; all that the model offers by default
 * @throws {InvalidInputError} if a name is not offered, or the list is empty
 */
export function cropGroups({ config, crops }: Manifest, names?: readonly string[]): readonly CropGroup[] {
  const offered = crops.flatMap(({ outputs }) => outputs);
  const unknown = names?.filter((name) => !offered.includes(name)) ?? [];
  if (unknown.length > 0 || names?.length === 0) {
    throw new InvalidInputError('The outputs cannot be computed by this model.', {
      expected: `one or more of ${offered.join(', ')}`,
      actual: unknown.length > 0 ? unknown.join(', ') : 'an empty list',
    });
  }
  return crops
    .map(({ zoom, outputs }) => ({ zoom, outputs: outputs.filter((name) => names?.includes(name) ?? true) }))
    .filter(({ outputs }) => outputs.length > 0)
    .map(({ zoom, outputs }) => ({ zoom, selection: selectOutputs(config, outputs) }));
}
