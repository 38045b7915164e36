import type { FaceAnalyzer } from 'swinface';
import { h } from '../dom.js';
import { percent } from '../format.js';
import { createBar } from './bar.js';
import { type ReportPart, section, thresholdOf } from './section.js';

const GENDERS = ['female', 'male'] as const;
const EXPRESSIONS = ['happiness', 'surprise', 'neutral', 'sadness', 'fear', 'anger', 'disgust'] as const;

/** Female and male, which add up to 100 %. */
export function createGender(analyzer: Pick<FaceAnalyzer, 'manifest'>): ReportPart {
  const male = thresholdOf(analyzer, 'Gender');
  const bars = GENDERS.map((label) => ({ label, bar: createBar(label, `Gender/${label}`) }));
  const note = male === 0.5 ? '' : `calibrated: “male” from ${percent(male)} on`;
  const element = section('Apparent gender', note, h('div', { class: 'bars' }, ...bars.map(({ bar }) => bar.element)));
  element.dataset.output = 'Gender';
  return {
    element,
    show({ face: { gender } }) {
      for (const { label, bar } of bars) {
        const p = gender?.probabilities[label];
        bar.set(p === undefined ? undefined : { fraction: p, text: percent(p), marked: gender?.label === label });
      }
    },
  };
}

/** Seven expressions, which add up to 100 %, and the separate answer to "smiling?". */
export function createExpression(analyzer: Pick<FaceAnalyzer, 'manifest'>): ReportPart {
  const bars = EXPRESSIONS.map((label) => ({ label, bar: createBar(label, `Expression/${label}`) }));
  const smiling = createBar('Smiling', 'Smiling', thresholdOf(analyzer, 'Smiling'));
  smiling.element.dataset.output = 'Smiling';
  return {
    element: section(
      'Expression',
      'what the face shows, not what the person feels',
      h('div', { class: 'bars', 'data-output': 'Expression' }, ...bars.map(({ bar }) => bar.element)),
      h('div', { class: 'bars apart' }, smiling.element),
    ),
    show({ face: { expression, attributes, attributeProbabilities } }) {
      for (const { label, bar } of bars) {
        const p = expression?.[label];
        bar.set(p === undefined ? undefined : { fraction: p, text: percent(p), marked: expression?.label === label });
      }
      const p = attributeProbabilities.Smiling;
      smiling.set(p === undefined ? undefined : { fraction: p, text: percent(p), marked: attributes.Smiling === true });
    },
  };
}
