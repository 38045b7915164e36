import type { Kernel, Value } from '../kernel.js';
import source from './dense_rows.wgsl?raw';
import type { Kit } from './kit.js';

/** A network's output without what fills its rows up to whole vectors of four. */
export function denseRows(
  kit: Kit,
  x: Value,
  width: number,
  maxFaces: number,
): { readonly kernel: Kernel; readonly y: Value } {
  const { WORKGROUP, only, read, uniform, vectors, write } = kit;
  const stride = 4 * vectors(width);
  const label = `${x.label}.dense`;
  const y: Value = { kind: 'value', label, length: (x.length / stride) * width };
  const numbers = y.length / maxFaces;
  const kernel: Kernel = {
    label,
    variants: only('dense_rows', source, (faces) => Math.ceil((faces * numbers) / WORKGROUP)),
    bindings: [uniform(`${label}.sizes`, { numbers, width, stride }), read(x), write(y)],
  };
  return { kernel, y };
}
