import { type AttributeName, VALUE_LADEN } from '@swinface/widget/kit';
import type { FaceAnalyzer } from 'swinface';
import { h } from '../dom.js';
import { percent } from '../format.js';
import { createBar } from './bar.js';
import { type ReportPart, section, thresholdOf } from './section.js';

/** Subnets whose tasks have a part of the report of their own. */
const ELSEWHERE: ReadonlySet<string> = new Set(['Gender', 'Age', 'Expression']);

/** Labels that record an annotator's taste are shown too, but only to who asks. */
const isValueLaden = (name: string): boolean => VALUE_LADEN.has(name as AttributeName);

const isAttribute = (task: { readonly kind: string; readonly labels?: readonly string[] }): boolean =>
  task.kind === 'softmax' && task.labels?.join() === 'no,yes';

/** Yes/no attributes under the names of the subnets that answer them, read from the model itself. */
export function createAttributes(analyzer: Pick<FaceAnalyzer, 'manifest'>): ReportPart {
  const bars = new Map<AttributeName, ReturnType<typeof createBar>>();
  const barFor = (name: string) => {
    const bar = createBar(name, name, thresholdOf(analyzer, name));
    bar.element.dataset.output = name;
    bars.set(name as AttributeName, bar);
    return bar.element;
  };
  const laden: string[] = [];
  const groups = analyzer.manifest.config.subnets
    .filter(({ name }) => !ELSEWHERE.has(name))
    .map(({ name, tasks }) => {
      const names = tasks.filter(isAttribute).map((task) => task.name);
      laden.push(...names.filter((task) => isValueLaden(task)));
      return { name, plain: names.filter((task) => !isValueLaden(task)) };
    })
    .filter(({ plain }) => plain.length > 0)
    .map(({ name, plain }) => section(name, '', h('div', { class: 'bars' }, ...plain.map(barFor))));
  const disclosure = h(
    'details',
    { class: 'group laden' },
    h('summary', {}, `${laden.length} labels of taste`),
    h(
      'p',
      { class: 'hint' },
      'The training photos\u2019 annotators were asked for these, and the network answers them too. They record opinions about looks, so they are kept apart.',
    ),
    h('div', { class: 'bars' }, ...laden.map(barFor)),
  );
  return {
    element: h('div', { class: 'attributes' }, ...groups, laden.length > 0 && disclosure),
    show({ face: { attributes, attributeProbabilities } }) {
      for (const [name, bar] of bars) {
        const p = attributeProbabilities[name];
        bar.set(p === undefined ? undefined : { fraction: p, text: percent(p), marked: attributes[name] === true });
      }
    },
  };
}
