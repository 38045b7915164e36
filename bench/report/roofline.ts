import type { KernelTime } from '@swinface/core/webgpu';
import type { Cost } from '../page/costs.js';
import type { Peak } from '../page/peak.js';

/** One kernel against what the adapter could do. */
export interface RooflineRow {
  readonly label: string;
  readonly milliseconds: number;
  /** Share of the time of all kernels. */
  readonly share: number;
  readonly flops: number;
  readonly bytes: number;
  /** The shortest time that its arithmetic or its compulsory traffic allows, at the measured peaks, milliseconds. */
  readonly bound: number;
  readonly boundBy: 'arithmetic' | 'memory';
  /** bound / milliseconds. */
  readonly attained: number;
}

/** The cost whose label is the kernel's, or the longest that the kernel's label starts with. */
function costOf(label: string, costs: readonly Cost[]): readonly Cost[] {
  const exact = costs.filter((cost) => cost.label === label);
  if (exact.length > 0) return exact;
  const prefixes = costs.filter((cost) => label.startsWith(`${cost.label}.`));
  const longest = Math.max(...prefixes.map((cost) => cost.label.length));
  return prefixes.filter((cost) => cost.label.length === longest);
}

/** Every kernel, slowest first. A kernel whose module is unknown counts as free, so its whole time is lacking. */
export function roofline(kernels: readonly KernelTime[], costs: readonly Cost[], peak: Peak): readonly RooflineRow[] {
  const total = kernels.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  // Kernels of one module are one row: its work is known as a whole.
  const modules = new Map<string, { milliseconds: number; costs: readonly Cost[] }>();
  for (const { label, milliseconds } of kernels) {
    const found = costOf(label, costs);
    const name = found[0]?.label ?? label;
    const known = modules.get(name);
    modules.set(name, { milliseconds: milliseconds + (known?.milliseconds ?? 0), costs: found });
  }
  return [...modules]
    .map(([label, { milliseconds, costs: own }]): RooflineRow => {
      const flops = own.reduce((sum, cost) => sum + cost.flops, 0);
      const bytes = own.reduce((sum, cost) => sum + cost.bytes, 0);
      const arithmetic = (flops / peak.flops) * 1000;
      const memory = (bytes / peak.bytes) * 1000;
      const bound = Math.max(arithmetic, memory);
      const boundBy = arithmetic >= memory ? 'arithmetic' : 'memory';
      return {
        label,
        milliseconds,
        share: milliseconds / total,
        flops,
        bytes,
        bound,
        boundBy,
        attained: bound / milliseconds,
      };
    })
    .sort((a, b) => b.milliseconds - a.milliseconds);
}
