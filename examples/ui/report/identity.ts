import type { FaceAnalyzer } from 'swinface';
import { h, setText } from '../dom.js';
import { decimal } from '../format.js';
import { type Bar, createBar } from './bar.js';
import { type ReportPart, section } from './section.js';

const BARCODE_HEIGHT = 44;

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

function verdict(same: boolean | undefined): string {
  if (same === undefined) return '';
  return same ? ', same person' : ', different';
}

/** The identity embedding as a barcode, and how alike the other faces of the picture are. */
export function createIdentity(analyzer: Pick<FaceAnalyzer, 'compare' | 'manifest'>): ReportPart {
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
      const labels = others.map(({ label }) => label);
      if (labels.join() !== signature) {
        signature = labels.join();
        shown = labels.map((label) => createBar(`Face ${label}`, `Recognition/${label}`));
        bars.replaceChildren(...shown.map((bar) => bar.element));
      }
      others.forEach(({ face: other }, i) => {
        const { similarity, same } = analyzer.compare(face, other);
        shown[i]?.set({
          fraction: similarity,
          text: decimal(similarity) + verdict(same),
          ...(same === undefined ? {} : { marked: same }),
        });
      });
      const measured = analyzer.manifest.calibration.verification.length > 0;
      setText(
        note,
        others.length === 0
          ? `${embedding.length} numbers that stand for this face. A second face in the picture would be compared here.`
          : `Cosine similarity to the other faces. ${measured ? '' : 'This model has no measured threshold for \u201csame person\u201d.'}`,
      );
    },
  };
}
