import type { TaskExplanation } from 'swinface';
import type { WidgetAnalyzer } from '../engine.js';
import { explainable, type ReportedFace } from '../results/report.js';
import { drawHeatMap, type Place, strongestPlace } from './heat-map.js';
import { lookAgain } from './look-again.js';

/** What the network looked at, as far as it is known. */
export interface Explained {
  /** What the face is called. */
  readonly label: string;
  /** Outputs that can be asked about. */
  readonly tasks: readonly string[];
  readonly task: string;
  /** Whether the picture is a moment of a video. */
  readonly moment: boolean;
  /** `busy` while it is worked out, `gone` where that moment does not show the face. */
  readonly outcome: Outcome | 'busy' | 'gone' | 'failed';
}

/** One explanation, ready to be shown. */
export interface Outcome {
  readonly explanation: TaskExplanation;
  /** As the network saw it in this picture. */
  readonly face: ReportedFace;
  readonly canvas: HTMLCanvasElement;
  /** Where the heat map is strongest, as it is shown; undefined where nothing speaks for the answer. */
  readonly place: Place | undefined;
}

/** What a person asks about. */
export interface Question {
  readonly analyzer: WidgetAnalyzer;
  /** What is shown. Of a video, the moment of the question counts. */
  readonly source: HTMLImageElement | HTMLCanvasElement | HTMLVideoElement;
  readonly face: ReportedFace;
  readonly label: string;
  readonly mirrored: boolean;
}

/** The pixels and the face that all answers to one question are about. */
interface Subject {
  readonly picture: HTMLImageElement | HTMLCanvasElement;
  readonly face: ReportedFace | undefined;
}

/** Works out explanations, one face and one task at a time, when a person asks. */
export class ExplanationController {
  #asked: { readonly question: Question; readonly subject: Promise<Subject> } | undefined;
  #control = new AbortController();
  #shown: Explained | undefined;
  /** Asked about last. */
  #task = '';

  /**
   * @param onChange called with what to show; undefined for nothing
   * @param onFailure called with the error
   */
  constructor(
    private readonly onChange: (shown: Explained | undefined) => void,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  /** Asks about a face; about the same task as last time, if there is one. */
  async ask(question: Question): Promise<void> {
    const tasks = explainable(question.face);
    const task = tasks.includes(this.#task) ? this.#task : tasks[0];
    this.close();
    if (task === undefined) return;
    const { signal } = this.#control;
    this.#asked = { question, subject: subjectOf(question, signal) };
    const moment = question.source instanceof HTMLVideoElement;
    await this.#show({ label: question.label, tasks, task, moment, outcome: 'busy' });
  }

  /** Asks about another task of the same face, in the same picture. */
  async choose(task: string): Promise<void> {
    if (this.#shown) await this.#show({ ...this.#shown, task, outcome: 'busy' });
  }

  /** Takes the explanation away and gives up what is not worked out yet. */
  close(): void {
    this.#control.abort();
    this.#control = new AbortController();
    this.#asked = undefined;
    this.#set(undefined);
  }

  #set(shown: Explained | undefined): void {
    this.#shown = shown;
    this.onChange(shown);
  }

  async #show(busy: Explained): Promise<void> {
    const asked = this.#asked;
    if (!asked) return;
    this.#task = busy.task;
    this.#set(busy);
    const { analyzer, mirrored } = asked.question;
    let outcome: Explained['outcome'] = 'gone';
    try {
      const { picture, face } = await asked.subject;
      const options = { tasks: [busy.task], signal: this.#control.signal };
      const found = face && (await analyzer.explain(picture, { ...options, points: face.points }));
      const explanation = found?.explanations[0];
      if (face && explanation) {
        const canvas = drawHeatMap(picture, explanation, { mirrored });
        outcome = { explanation, face, canvas, place: strongestPlace(explanation, { mirrored }) };
      }
    } catch (error) {
      if (this.#shown !== busy) return;
      outcome = 'failed';
      this.onFailure(error);
    }
    // Another task, another face or nothing may be wanted by now.
    if (this.#shown === busy) this.#set({ ...busy, outcome });
  }
}

/** A picture as it is; of a video this moment. */
async function subjectOf({ analyzer, source, face }: Question, signal: AbortSignal): Promise<Subject> {
  if (!(source instanceof HTMLVideoElement)) return { picture: source, face };
  return lookAgain(analyzer, source, face, signal);
}
