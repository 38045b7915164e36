import type { FaceAnalyzer, Timings } from 'swinface';
import { h, setText } from './dom.js';
import { duration } from './format.js';

const STAGES = [
  ['decode', 'Decode'],
  ['locate', 'Find faces'],
  ['warp', 'Align'],
  ['network', 'Network'],
  ['results', 'Results'],
] as const satisfies readonly (readonly [keyof Timings, string])[];

/** How the answer came about: engine, locator, model, and where the time went. */
export interface EnginePanel {
  readonly element: HTMLElement;
  setAnalyzer(analyzer: FaceAnalyzer): void;
  setTimings(timings: Timings): void;
}

function line(caption: string, key: string): { element: HTMLElement; set(text: string, reason?: string): void } {
  const value = h('span');
  const why = h('small', { hidden: true });
  return {
    element: h('div', { 'data-key': key }, h('dt', {}, caption), h('dd', {}, value, why)),
    set(text, reason) {
      setText(value, text);
      setText(why, reason ?? '');
      why.hidden = reason === undefined;
    },
  };
}

/** Hidden until there is something to tell. */
export function createEnginePanel(): EnginePanel {
  const engine = line('Engine', 'engine');
  const locator = line('Faces found by', 'locator');
  const model = line('Model', 'model');
  const strip = h('div', { class: 'strip', 'aria-hidden': 'true' });
  const rows = new Map(
    STAGES.map(([key, label]) => {
      const segment = h('span', { 'data-stage': key });
      strip.append(segment);
      const value = h('dd');
      return [key, { segment, value, row: h('div', { 'data-stage': key }, h('dt', {}, label), value) }];
    }),
  );
  const total = h('dd');
  const timings = h(
    'div',
    { class: 'timings', hidden: true },
    strip,
    h(
      'dl',
      { class: 'stages' },
      ...[...rows.values()].map(({ row }) => row),
      h('div', { 'data-stage': 'total' }, h('dt', {}, 'Total'), total),
    ),
  );
  const element = h(
    'section',
    { class: 'engine', 'aria-label': 'How it ran', hidden: true },
    h('dl', { class: 'facts' }, engine.element, locator.element, model.element),
    timings,
  );
  return {
    element,
    setAnalyzer(analyzer) {
      element.hidden = false;
      const { thread } = analyzer;
      engine.set(
        `${analyzer.engine.description}, in ${thread.kind === 'worker' ? 'a worker' : 'the page'}`,
        [analyzer.engine.reason, thread.reason].filter(Boolean).join(' ') || undefined,
      );
      if (analyzer.locator) locator.set(analyzer.locator.description, analyzer.locator.reason);
      model.set(analyzer.manifest.id, analyzer.manifest.licence);
      element.dataset.engine = analyzer.engine.kind;
      element.dataset.thread = thread.kind;
      element.dataset.locator = analyzer.locator?.kind ?? '';
    },
    setTimings(measured) {
      timings.hidden = false;
      for (const [key, { segment, value }] of rows) {
        segment.style.setProperty('flex-grow', String(Math.max(measured[key], 0)));
        setText(value, duration(measured[key]));
      }
      setText(total, duration(measured.total));
    },
  };
}
