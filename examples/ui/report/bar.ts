import { h, setText } from '../dom.js';
import { percent } from '../format.js';

/** A labelled bar whose value can change. */
export interface Bar {
  readonly element: HTMLElement;
  set(value: BarValue | undefined): void;
}

export interface BarValue {
  /** Length of the bar, 0..1. */
  readonly fraction: number;
  /** What is written beside it. */
  readonly text: string;
  /** Marked as the answer. */
  readonly marked?: boolean;
}

/**
 * @param label as shown
 * @param key of the value, for tests: the output's name, or output and label
 * @param threshold from which the answer is yes, marked on the bar
 */
export function createBar(label: string, key: string, threshold?: number): Bar {
  const value = h('span', { class: 'value' });
  const track = h(
    'span',
    { class: 'track', role: 'meter', 'aria-label': label, 'aria-valuemin': 0, 'aria-valuemax': 100 },
    h('span', { class: 'fill' }),
    threshold !== undefined && h('span', { class: 'threshold', title: `yes from ${percent(threshold)}` }),
  );
  if (threshold !== undefined) track.style.setProperty('--t', threshold.toFixed(4));
  const element = h('div', { class: 'bar', 'data-key': key }, h('span', { class: 'label' }, label), track, value);
  return {
    element,
    set(next) {
      element.toggleAttribute('data-absent', next === undefined);
      element.toggleAttribute('data-marked', next?.marked === true);
      setText(value, next?.text ?? '\u2013');
      const fraction = next ? Math.min(1, Math.max(0, next.fraction)) : 0;
      track.style.setProperty('--p', fraction.toFixed(4));
      track.setAttribute('aria-valuenow', String(Math.round(fraction * 100)));
      track.setAttribute('aria-valuetext', next ? `${next.text}${next.marked ? ', yes' : ''}` : 'not available');
      if (next) element.dataset.value = String(next.fraction);
      else delete element.dataset.value;
    },
  };
}
