import type { Face, FaceAnalyzer } from 'swinface';
import { h } from '../dom.js';

/** A face to report on, among the others of its picture. */
export interface ReportInput {
  readonly face: Face;
  readonly label: string;
  readonly others: readonly { readonly label: string; readonly face: Face }[];
}

/** One part of the report; built once, then filled for whichever face is chosen. */
export interface ReportPart {
  readonly element: HTMLElement;
  show(input: ReportInput): void;
}

/** Probability of "yes" from which this model answers yes, as measured when it was calibrated. */
export const thresholdOf = (analyzer: Pick<FaceAnalyzer, 'manifest'>, output: string): number =>
  analyzer.manifest.calibration.thresholds[output] ?? 0.5;

/** A titled group. */
export function section(title: string, note: string, ...children: (Node | null)[]): HTMLElement {
  return h(
    'section',
    { class: 'group', 'aria-label': title },
    h('h3', {}, title, note === '' ? null : h('small', {}, note)),
    ...children,
  );
}
