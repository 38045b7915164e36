import { SUBNETS } from '@swinface/core';

/** The seven expressions in the order of the network's logits. */
export const EXPRESSIONS: readonly string[] =
  SUBNETS.flatMap(({ tasks }) => tasks).find(({ name }) => name === 'Expression')?.labels ?? [];
