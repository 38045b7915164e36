import * as alignment from '@swinface/alignment';

/** What the tests call in the page. */
export type PageAlignment = typeof alignment;

Object.assign(globalThis, { alignment });
