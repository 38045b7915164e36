import type { LitElement, TemplateResult } from 'lit';
import type { Strings } from '../strings/types.js';
import type { Explained, ExplanationController, Question } from './controller.js';
import type { explanationView } from './view.js';

/** What shows an explanation, loaded. */
interface Loaded {
  readonly controller: ExplanationController;
  readonly view: typeof explanationView;
}

/** Lets a person ask what the network looked at. The code that answers is loaded with the first question. */
export class ExplanationLoader {
  #loaded: Loaded | undefined;
  #shown: Explained | undefined;

  /**
   * @param host updated when there is something else to show
   * @param onExplained called with each explanation
   * @param onFailure called with the error
   */
  constructor(
    private readonly host: LitElement,
    private readonly onExplained: (label: string, outcome: Exclude<Explained['outcome'], string>) => void,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  /** What the face is called that was asked about. */
  get label(): string | undefined {
    return this.#shown?.label;
  }

  /** @param isCurrent whether what is asked about is still there when the code has come */
  async ask(question: Question, isCurrent: () => boolean): Promise<void> {
    try {
      this.#loaded ??= await this.#load();
    } catch (error) {
      return this.onFailure(error);
    }
    if (isCurrent()) await this.#loaded.controller.ask(question);
  }

  /** Takes the explanation away. */
  close(): void {
    this.#loaded?.controller.close();
  }

  /** @param onClose called when a person has seen enough */
  view(strings: Strings, onClose: () => void): TemplateResult | undefined {
    return this.#shown && this.#loaded?.view(this.#shown, strings, this.#choose, onClose);
  }

  readonly #choose = (event: Event): void =>
    void this.#loaded?.controller.choose((event.target as HTMLSelectElement).value);

  async #load(): Promise<Loaded> {
    const { ExplanationController, explanationStyles, explanationView: view } = await import('./explanation.js');
    if (explanationStyles.styleSheet) this.host.shadowRoot?.adoptedStyleSheets.push(explanationStyles.styleSheet);
    const controller = new ExplanationController((shown) => this.#show(shown), this.onFailure);
    return { controller, view };
  }

  #show(shown: Explained | undefined): void {
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.host.requestUpdate();
    if (typeof shown?.outcome === 'object') this.onExplained(shown.label, shown.outcome);
  }
}
