import { button, h } from '../ui/dom.js';
import { SAMPLES } from '../ui/samples.js';

/** A picture that someone chose. */
export interface Picture {
  readonly name: string;
  /** Fetches or hands over its bytes. */
  load(): Promise<Blob>;
}

/** A picture of these pages did not come; `describeError` knows it by its code. */
class PictureError extends Error {
  readonly code = 'PICTURE';
}

const fromFile = (file: File): Picture => ({ name: file.name || 'Pasted picture', load: async () => file });

const sample = (n: number, address: string): Picture => ({
  name: `Sample ${n}`,
  async load() {
    const response = await fetch(address).catch((cause: unknown) => {
      throw new PictureError(`${address} did not come.`, { cause });
    });
    if (!response.ok) throw new PictureError(`The server answered ${response.status} for ${address}.`);
    return response.blob();
  },
});

/** The strip below the frame: bundled samples, and ways to bring an own photo. */
export function createContactStrip(choose: (picture: Picture) => void): HTMLElement {
  const buttons: HTMLButtonElement[] = [];
  const pick = (picture: Picture, source?: HTMLButtonElement) => {
    for (const each of buttons) each.setAttribute('aria-pressed', String(each === source));
    choose(picture);
  };
  const input = h('input', { type: 'file', accept: 'image/*', hidden: true, 'aria-label': 'Photo file' });
  input.addEventListener('change', () => {
    const file = input.files?.[0];
    // Emptied, so that choosing the same file again is a change again.
    input.value = '';
    if (file) pick(fromFile(file));
  });
  for (const [index, address] of SAMPLES.entries()) {
    const n = index + 1;
    const element = button('', () => pick(sample(n, address), element), {
      class: 'frame-button',
      'aria-label': `Sample photo ${n}`,
      'aria-pressed': 'false',
    });
    element.append(
      h('span', { 'aria-hidden': 'true' }, String(n)),
      h('img', { src: address, alt: '', loading: 'lazy', decoding: 'async' }),
    );
    buttons.push(element);
  }
  const own = button('Open a photo', () => input.click(), { class: 'own-photo' });
  own.append(h('small', {}, 'or drop or paste one'));
  return h('div', { class: 'contact-strip', role: 'group', 'aria-label': 'Choose a photo' }, own, input, ...buttons);
}

const firstFile = (data: DataTransfer | null): File | undefined => data?.files[0];

/** Accepts pictures dropped anywhere on the page, or pasted. */
export function acceptDropsAndPastes(target: HTMLElement, choose: (picture: Picture) => void): void {
  let depth = 0;
  const over = (inside: boolean) => target.toggleAttribute('data-drop', inside);
  addEventListener('dragenter', (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    depth += 1;
    over(true);
  });
  addEventListener('dragleave', () => {
    depth = Math.max(0, depth - 1);
    over(depth > 0);
  });
  addEventListener('dragover', (event) => event.preventDefault());
  addEventListener('drop', (event) => {
    event.preventDefault();
    depth = 0;
    over(false);
    const file = firstFile(event.dataTransfer);
    if (file) choose(fromFile(file));
  });
  addEventListener('paste', (event) => {
    const file = firstFile(event.clipboardData);
    if (file) choose(fromFile(file));
  });
}
