import type { Strings } from '../strings/types.js';
import { type Announcer, createAnnouncer } from './announcer.js';
import { createOverlay, type Overlay, type PictureSize } from './overlay.js';
import { layOver } from './placement.js';
import { faceLabel, type ReportedFace, summary } from './report.js';

/** Words that change faster than this cannot be read. */
const SHOW_EVERY_MS = 250;
/** Nor can they be listened to. */
const SPEAK_EVERY_MS = 5000;

/** The faces that were seen last: drawn at once, written as fast as one can read, spoken as fast as one can listen. */
export class Results {
  #faces: readonly ReportedFace[] = [];
  #overlay: Overlay | undefined;
  #shownAt = 0;
  /** The page's own picture or video below the marks, and how large that is. */
  #media: HTMLElement | undefined;
  #size: PictureSize | undefined;
  #resizes: ResizeObserver | undefined;
  readonly #announcer: Announcer;

  /** @param speak changes the live region */
  constructor(speak: (text: string) => void) {
    this.#announcer = createAnnouncer(speak, SPEAK_EVERY_MS);
  }

  get faces(): readonly ReportedFace[] {
    return this.#faces;
  }

  /** The marks on the faces; undefined while nothing runs. */
  get overlay(): SVGSVGElement | undefined {
    return this.#overlay?.element;
  }

  /**
   * Makes room for the results of one piece of work.
   *
   * @param media what the page itself brought along to be looked at
   */
  begin(mirrored: boolean, media?: HTMLElement): void {
    this.#overlay = createOverlay(() => {}, { mirrored });
    this.#media = media;
    if (!media) return;
    this.#resizes = new ResizeObserver(() => this.#lay());
    this.#resizes.observe(media);
  }

  /** Keeps the marks on the page's own picture, whose size and place are the page's affair. */
  #lay(): void {
    const marks = this.overlay;
    if (!marks?.parentElement || !this.#media || !this.#size) return;
    layOver(marks, this.#media, this.#size);
    // What is beside the picture can move it.
    this.#resizes?.observe(marks.parentElement);
  }

  /**
   * Takes in what was seen.
   *
   * @param last whether nothing will follow
   * @returns whether it is time to write it
   */
  show(faces: readonly ReportedFace[], size: PictureSize, strings: Strings, last: boolean): boolean {
    this.#faces = faces;
    this.#size = size;
    this.#lay();
    this.#overlay?.draw(
      faces.map((face, i) => ({ face, label: faceLabel(face, i), selected: false })),
      size,
    );
    const now = performance.now();
    if (!last && now - this.#shownAt < SHOW_EVERY_MS) return false;
    this.#shownAt = now;
    this.#announcer.say(summary(faces, strings));
    return true;
  }

  /** Leaves nothing. */
  end(): void {
    this.#announcer.hush();
    this.#overlay = undefined;
    this.#media = undefined;
    this.#size = undefined;
    this.#resizes?.disconnect();
    this.#faces = [];
  }
}
