import type { FaceAnalyzer } from 'swinface';
import { h, setText } from '../dom.js';
import { decimal } from '../format.js';
import { type Bar, createBar } from './bar.js';
import { type ReportPart, section } from './section.js';

const BARCODE_HEIGHT = 44;
/** Other faces that are listed; of more, the most alike. */
const MOST_OTHERS = 5;

/** Draws one stripe per dimension, as dark as the number is large beside the vector's largest. */
function drawBarcode(canvas: HTMLCanvasElement, embedding: Float32Array): void {
  canvas.width = embedding.length;
  canvas.height = 1;
  const context = canvas.getContext('2d');
  if (!context) return;
  const largest = embedding.reduce((most, value) => Math.max(most, Math.abs(value)), Number.MIN_VALUE);
  const pixels = context.createImageData(embedding.length, 1);
  embedding.forEach((value, i) => {
    // Black ink on transparent paper; the style turns it white on dark pages.
    pixels.data[4 * i + 3] = Math.round(255 * (0.5 + (0.5 * value) / largest));
  });
  context.putImageData(pixels, 0, 0);
}

type Comparison = ReturnType<FaceAnalyzer['compare']>;

const WORDS: Readonly<Record<NonNullable<Comparison['verdict']>, string>> = {
  same: 'same person',
  unsure: 'unsure',
  different: 'different',
};

/** Instead of the verdict where one of the two pictures does not allow any. */
const POOR = 'unsure: poor picture';

/** 0.001 -> "1 in 1,000". */
const oneIn = (share: number): string => `1 in ${Math.round(1 / share).toLocaleString('en')}`;
/** 0.031 -> "3.1 in 100". */
const inHundred = (share: number): string => `${Number((100 * share).toPrecision(2))} in 100`;

/** What the words claim, as far as it was measured. */
function claims(comparison: Comparison | undefined): string {
  if (comparison?.falseMatchRate === undefined || comparison.missRate === undefined) {
    return 'This model has no measured threshold for \u201csame person\u201d.';
  }
  const { falseMatchRate, missRate } = comparison;
  return `Measured on clear photos: \u201csame person\u201d is wrong for ${oneIn(falseMatchRate)} pairs of strangers, \u201cdifferent\u201d for ${inHundred(missRate)} pairs of one person. Between the two it is unsure.`;
}

/** The identity embedding as a barcode, and how alike the other faces of the picture are. */
export function createIdentity(analyzer: Pick<FaceAnalyzer, 'compare'>): ReportPart {
  const barcode = h('canvas', { class: 'barcode', height: BARCODE_HEIGHT, role: 'img' });
  const bars = h('div', { class: 'bars' });
  const note = h('p', { class: 'hint' });
  const element = section('Identity', 'Recognition', barcode, bars, note);
  element.dataset.output = 'Recognition';
  let shown: Bar[] = [];
  let signature = '';
  return {
    element,
    show({ face, others }) {
      const { embedding } = face;
      barcode.hidden = embedding === undefined;
      if (!embedding) {
        bars.replaceChildren();
        setText(note, 'This model was not trained to tell people apart.');
        return;
      }
      drawBarcode(barcode, embedding);
      barcode.setAttribute('aria-label', `Embedding of ${embedding.length} numbers`);
      element.dataset.value = [...embedding].join(' ');
      const compared = others.map(({ face: other, label }) => ({ label, ...analyzer.compare(face, other) }));
      if (compared.length > MOST_OTHERS) compared.sort((a, b) => b.similarity - a.similarity).splice(MOST_OTHERS);
      const labels = compared.map(({ label }) => label);
      if (labels.join() !== signature) {
        signature = labels.join();
        shown = labels.map((label) => createBar(`Face ${label}`, `Recognition/${label}`));
        bars.replaceChildren(...shown.map((bar) => bar.element));
      }
      compared.forEach(({ similarity, verdict, reason }, i) => {
        shown[i]?.set({
          fraction: similarity,
          text:
            verdict === undefined ? decimal(similarity) : `${decimal(similarity)}, ${reason ? POOR : WORDS[verdict]}`,
          ...(verdict === undefined ? {} : { marked: verdict === 'same' }),
        });
      });
      const which =
        others.length > MOST_OTHERS
          ? `the ${MOST_OTHERS} most alike of ${others.length} other faces`
          : 'the other faces';
      setText(
        note,
        others.length === 0
          ? `${embedding.length} numbers that stand for this face. A second face in the picture would be compared here.`
          : `Cosine similarity to ${which}. ${claims(compared.find(({ missRate }) => missRate !== undefined))}`,
      );
    },
  };
}
