import type { FaceAnalyzer } from 'swinface';
import { h, setText } from '../dom.js';
import { percent, signed } from '../format.js';
import { createBar } from './bar.js';
import { type ReportPart, section, thresholdOf } from './section.js';

const OLDEST = 100;
const onScale = (years: number): string => Math.min(1, Math.max(0, years / OLDEST)).toFixed(4);

/** Apparent age on a ruler from 0 to 100, with the range that the model's measured errors give it. */
export function createAge(analyzer: Pick<FaceAnalyzer, 'manifest'>): ReportPart {
  const needle = h('span', { class: 'needle' });
  const range = h('span', { class: 'range' });
  const ruler = h(
    'div',
    {
      class: 'ruler',
      role: 'meter',
      'aria-label': 'Apparent age in years',
      'aria-valuemin': 0,
      'aria-valuemax': OLDEST,
    },
    range,
    needle,
    ...[0, 20, 40, 60, 80, 100].map((years) => h('span', { class: 'mark' }, String(years))),
  );
  const note = h('p', { class: 'hint' });
  const years = h('div', { 'data-output': 'Age' }, ruler, note);
  const young = createBar('Young', 'Young', thresholdOf(analyzer, 'Young'));
  young.element.dataset.output = 'Young';
  return {
    element: section('Apparent age', 'years', years, h('div', { class: 'bars' }, young.element)),
    show({ face: { age, attributes, attributeProbabilities } }) {
      ruler.hidden = age === undefined;
      if (age) {
        years.dataset.value = String(age.years);
        needle.style.setProperty('--p', onScale(age.years));
        range.style.setProperty('--from', onScale(age.low ?? age.years));
        range.style.setProperty('--to', onScale(age.high ?? age.years));
        ruler.setAttribute('aria-valuenow', age.years.toFixed(1));
        const offScale = age.years < 0 || age.years > OLDEST ? ` (${signed(age.years)}, off the scale)` : '';
        setText(
          note,
          age.low === undefined
            ? `How old the face looks, not how old the person is.${offScale}`
            : `How old the face looks, not how old the person is. Four in five test faces fell within the range.${offScale}`,
        );
      } else {
        delete years.dataset.value;
        setText(note, 'This model was not trained to estimate age.');
      }
      const p = attributeProbabilities.Young;
      young.set(p === undefined ? undefined : { fraction: p, text: percent(p), marked: attributes.Young === true });
    },
  };
}
