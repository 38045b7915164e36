import type { Face } from 'swinface';
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

/** A titled group. */
export function section(title: string, note: string, ...children: (Node | null)[]): HTMLElement {
  return h(
    'section',
    { class: 'group', 'aria-label': title },
    h('h3', {}, title, note === '' ? null : h('small', {}, note)),
    ...children,
  );
}
