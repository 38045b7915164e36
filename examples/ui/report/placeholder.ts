import { h, setText } from '../dom.js';

const OUTPUTS = [
  ['Identity', 'an embedding, compared with the other faces'],
  ['Apparent age', 'in years, with the range the model is good for'],
  ['Apparent gender', 'female or male, with probabilities'],
  ['Expression', 'seven of them, with probabilities'],
  ['Attributes', 'hair, eyes, cheeks, mouth, chin, what is worn: 39 answers'],
] as const;

/** What stands in the report's place while there is no face to report on. */
export function createPlaceholder(): { readonly element: HTMLElement; setText(text: string): void } {
  const line = h('p', {});
  return {
    element: h(
      'div',
      { class: 'placeholder' },
      line,
      h('ul', {}, ...OUTPUTS.map(([name, what]) => h('li', {}, h('strong', {}, name), what))),
    ),
    setText: (text) => setText(line, text),
  };
}
