import type { FaceAnalyzer } from 'swinface';
import { h } from '../dom.js';
import { createAge } from './age.js';
import { createAttributes } from './attributes.js';
import { createExpression, createGender } from './choices.js';
import { createHeadline } from './headline.js';
import { createIdentity } from './identity.js';
import type { ReportPart } from './section.js';

/** Everything the network says about one face. */
export function createReport(analyzer: FaceAnalyzer): ReportPart {
  const headline = createHeadline();
  const parts = [
    createIdentity(analyzer),
    createAge(analyzer),
    createGender(analyzer),
    createExpression(analyzer),
    createAttributes(analyzer),
  ];
  return {
    element: h(
      'div',
      { class: 'report-body' },
      headline.element,
      h('div', { class: 'groups' }, ...parts.map(({ element }) => element)),
    ),
    show(input) {
      for (const part of [headline, ...parts]) part.show(input);
    },
  };
}
