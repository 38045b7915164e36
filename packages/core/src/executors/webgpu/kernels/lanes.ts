import type { Shader } from '../kernel.js';
import four from './fragments/four.wgsl?raw';
import alone from './fragments/lanes_alone.wgsl?raw';
import quad from './fragments/lanes_quad.wgsl?raw';

/** Whether an invocation loads its rows alone, or four of a quad share them. */
export type Lanes = 'alone' | 'quad';

/** The pieces of shader for each, and how many invocations share. */
export const LANES: Readonly<Record<Lanes, Shader & { readonly width: number }>> = {
  alone: { sources: [four, alone], width: 1 },
  quad: { sources: [four, quad], enable: ['subgroups'], width: 4 },
};
