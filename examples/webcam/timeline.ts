import { h, setText, svg } from '../ui/dom.js';
import { type Sample, SPAN_MS, STEP_MS } from './history.js';

const EXPRESSIONS = ['happiness', 'surprise', 'neutral', 'sadness', 'fear', 'anger', 'disgust'] as const;
type ExpressionLabel = (typeof EXPRESSIONS)[number];

const COLUMNS = SPAN_MS / STEP_MS;
/** Rows of the picture per expression: a bar and the gap below it. */
const ROW = { bar: 8, gap: 2 };
/** A face that was away for longer leaves a hole. */
const HOLE_MS = 3000;
/** Darkness of what was seen and not at all likely: a hole has none. */
const FAINTEST = 0.05;
const AGE_HEIGHT = 100;
const LEAST_AGE_SPAN = 20;
/** Between two drawings, in milliseconds; those who asked for less motion get one a second. */
const DRAW_EVERY = { usual: 200, calm: 1000 };
/** Between two descriptions for those who do not see the drawing. */
const DESCRIBE_EVERY = 5000;

/** Expression and apparent age of one face over the last half minute. */
export interface Timeline {
  readonly element: HTMLElement;
  /** @param label of the face; @param now as the samples' times */
  show(label: string, samples: readonly Sample[], now: number): void;
  hide(): void;
}

/** An empty timeline, hidden. */
export function createTimeline(): Timeline {
  const title = h('h2', { class: 'part-title' });
  const range = [h('span'), h('span')] as const;
  const age = svg('svg', {
    class: 'age-lane',
    viewBox: `0 0 ${COLUMNS} ${AGE_HEIGHT}`,
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
  });
  const band = svg('path', { class: 'age-band' });
  const line = svg('path', { class: 'age-line' });
  age.append(band, line);
  const ageText = h('span', { class: 'lane-value' });
  const canvas = h('canvas', {
    class: 'expression-lane',
    width: COLUMNS,
    height: EXPRESSIONS.length * (ROW.bar + ROW.gap) - ROW.gap,
  });
  const rows = new Map(EXPRESSIONS.map((label) => [label, h('span', { 'data-expression': label }, label)]));
  const picture = h(
    'div',
    { class: 'lanes', role: 'img' },
    h('div', { class: 'lane-caption' }, h('strong', {}, 'Apparent age'), ageText),
    h('div', { class: 'lane' }, h('div', { class: 'scale' }, ...range), age),
    h('div', { class: 'lane-caption' }, h('strong', {}, 'Expression'), ' the stronger, the likelier'),
    h('div', { class: 'lane' }, h('div', { class: 'rows' }, ...rows.values()), canvas),
    h('div', { class: 'clock' }, h('span', {}, '30 s ago'), h('span', {}, '15 s'), h('span', {}, 'now')),
  );
  const element = h(
    'section',
    { class: 'timeline', 'aria-label': 'The last half minute', hidden: true },
    title,
    picture,
  );
  const calm = matchMedia('(prefers-reduced-motion: reduce)');
  let drawn = { label: '', at: Number.NEGATIVE_INFINITY, describedAt: Number.NEGATIVE_INFINITY };

  const drawAge = (columns: readonly (Sample | undefined)[]) => {
    const ages = columns.flatMap((sample) => sample?.age ?? []);
    const [low, high] = scaleOf(ages.flatMap(({ years, low = years, high = years }) => [low, high]));
    setText(range[0], String(high));
    setText(range[1], String(low));
    const y = (years: number) => (AGE_HEIGHT * (high - years)) / (high - low);
    line.setAttribute(
      'd',
      steps(columns, (sample) => sample.age && y(sample.age.years)),
    );
    band.setAttribute(
      'd',
      columns
        .map((sample, x) =>
          sample?.age?.low === undefined || sample.age.high === undefined
            ? ''
            : `M${x} ${y(sample.age.high)}h1V${y(sample.age.low)}h-1z`,
        )
        .join(''),
    );
    const latest = ages.at(-1);
    setText(ageText, latest ? `${Math.round(latest.years)} years` : 'not offered by this model');
  };

  return {
    element,
    show(label, samples, now) {
      const every = calm.matches ? DRAW_EVERY.calm : DRAW_EVERY.usual;
      if (label === drawn.label && now - drawn.at < every) return;
      const isNew = label !== drawn.label;
      element.hidden = false;
      element.dataset.face = label;
      element.dataset.samples = String(samples.length);
      setText(title, `Face ${label}, the last half minute`);
      const columns = columnsOf(samples, now);
      drawAge(columns);
      drawExpressions(canvas, columns);
      const current = samples.at(-1)?.expression?.label;
      for (const [name, row] of rows) row.toggleAttribute('data-marked', name === current);
      drawn = { ...drawn, label, at: now };
      if (!isNew && now - drawn.describedAt < DESCRIBE_EVERY) return;
      drawn.describedAt = now;
      picture.setAttribute('aria-label', describe(label, samples));
    },
    hide() {
      element.hidden = true;
      drawn = { label: '', at: Number.NEGATIVE_INFINITY, describedAt: Number.NEGATIVE_INFINITY };
    },
  };
}

/** One sample per step of time: what was said last stays said until there is news, or the face is gone for good. */
function columnsOf(samples: readonly Sample[], now: number): readonly (Sample | undefined)[] {
  const start = now - SPAN_MS;
  let next = 0;
  return Array.from({ length: COLUMNS }, (_, x) => {
    const time = start + (x + 1) * STEP_MS;
    while ((samples[next + 1]?.time ?? Infinity) <= time) next += 1;
    const sample = samples[next];
    if (!sample || sample.time > time) return undefined;
    const following = samples[next + 1]?.time ?? now;
    return following - sample.time <= HOLE_MS || time - sample.time < STEP_MS ? sample : undefined;
  });
}

/** Tens of years around what there is to show. */
function scaleOf(years: readonly number[]): readonly [number, number] {
  const low = Math.max(0, 10 * Math.floor(Math.min(100, ...years) / 10));
  const high = Math.max(low + LEAST_AGE_SPAN, 10 * Math.ceil(Math.max(0, ...years) / 10));
  return years.length > 0 ? [low, high] : [0, 100];
}

/** A line of steps, broken where there is nothing. */
function steps(columns: readonly (Sample | undefined)[], y: (sample: Sample) => number | undefined): string {
  let path = '';
  let drawing = false;
  columns.forEach((sample, x) => {
    const height = sample && y(sample);
    if (height !== undefined) path += `${drawing ? 'L' : 'M'}${x} ${height.toFixed(1)}h1`;
    drawing = height !== undefined;
  });
  return path;
}

function drawExpressions(canvas: HTMLCanvasElement, columns: readonly (Sample | undefined)[]): void {
  const context = canvas.getContext('2d');
  if (!context) return;
  // Black ink on transparent paper; the style turns it white on dark pages.
  context.clearRect(0, 0, canvas.width, canvas.height);
  columns.forEach((sample, x) => {
    if (!sample?.expression) return;
    const { expression } = sample;
    EXPRESSIONS.forEach((label, row) => {
      context.globalAlpha = FAINTEST + (1 - FAINTEST) * expression[label];
      context.fillRect(x, row * (ROW.bar + ROW.gap), 1, ROW.bar);
    });
  });
}

/** The drawing in words. */
function describe(label: string, samples: readonly Sample[]): string {
  const counts = new Map<ExpressionLabel, number>();
  for (const { expression } of samples) {
    if (expression) counts.set(expression.label, (counts.get(expression.label) ?? 0) + 1);
  }
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  const years = samples.flatMap(({ age }) => (age ? [age.years] : []));
  const [low, high] = [Math.round(Math.min(...years)), Math.round(Math.max(...years))];
  const parts = [
    years.length > 0 && (low === high ? `apparent age ${low}` : `apparent age between ${low} and ${high}`),
    most && `expression mostly ${most[0]}`,
  ].filter(Boolean);
  return `Face ${label} over the last half minute: ${parts.length > 0 ? parts.join(', ') : 'nothing to show yet'}.`;
}
