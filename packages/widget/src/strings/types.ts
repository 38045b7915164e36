import type { Face } from 'swinface';
import type { WidgetSource, WidgetState } from '../states.js';
import type { AttributeName } from '../value-laden.js';

/** Words of a card: what is the matter and what a person can do about it. */
export interface CardStrings {
  readonly title: string;
  readonly text: string;
  /** Label of the card's button. */
  readonly action: string;
}

/** States that cover the picture with a card. */
export type CardState = Exclude<WidgetState, 'ready' | 'loading' | 'running' | 'done'>;

/** Words about what the network looked at: where, never why. */
export interface ExplainStrings {
  /** Label of the choice of an answer. */
  readonly task: string;
  readonly busy: string;
  /** The face was not found in the picture of that moment. */
  readonly gone: string;
  readonly failed: string;
  /** What the picture shows, for those who do not see it; gets the name of the answer. */
  picture(name: string): string;
  /** What glows, where the answer was yes or is one of several. */
  seen(name: string): string;
  /** What glows, where the answer was no. */
  unseen(name: string): string;
  /** What glows for the apparent age. */
  readonly older: string;
  /** Nothing glows. */
  nothing(name: string): string;
  /** Where it glows most, by a word of `rows` and one of `columns`. */
  place(row: string, column: string): string;
  readonly rows: readonly [string, string, string];
  readonly columns: readonly [string, string, string];
  readonly levelsTitle: string;
  /** FM1 to FM4. */
  readonly levels: readonly [string, string, string, string];
  readonly hint: string;
  /** That a moment of a video is shown. */
  readonly moment: string;
  readonly close: string;
}

/** Every word that the widget says, in one language. */
export interface Strings {
  /** BCP 47 tag of the language, for `lang` and number formats. */
  readonly locale: string;
  readonly direction: 'ltr' | 'rtl';
  /** Name of the whole widget for assistive technology. */
  readonly label: string;
  /** The question before anything starts, by what is to be looked at. */
  readonly ready: Readonly<Record<WidgetSource, CardStrings>>;
  readonly cards: Readonly<Record<CardState, CardStrings>>;
  readonly askingCamera: string;
  readonly loadingModel: string;
  /** @param share 0..1, formatted as a percentage */
  loadingShare(share: string): string;
  readonly looking: string;
  readonly cameraOn: string;
  readonly cameraImage: string;
  readonly stop: string;
  readonly another: string;
  /** Why the camera went off by itself. */
  readonly stoppedHidden: string;
  readonly privacy: string;
  /** Shown with generated weights. */
  readonly synthetic: string;
  readonly hint: string;
  readonly results: string;
  /** How many faces are in view; 0 too. */
  faces(count: number): string;
  face(label: string): string;
  readonly age: string;
  /** An interval of years, both ends formatted. */
  years(low: string, high: string): string;
  readonly expression: string;
  readonly gender: string;
  readonly seen: string;
  readonly expressions: Readonly<Record<NonNullable<Face['expression']>['label'], string>>;
  readonly genders: Readonly<Record<NonNullable<Face['gender']>['label'], string>>;
  readonly attributes: Readonly<Record<AttributeName, string>>;
  /** Label of the button that asks what the network looked at, and title of what it opens. */
  readonly explain: string;
  /** Words of what it opens; by default those of the language, which are loaded when a person asks. */
  readonly explanation?: ExplainStrings;
}
