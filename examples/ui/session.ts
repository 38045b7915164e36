import type { FaceAnalyzer } from 'swinface';
import { type AnalyzerHost, createAnalyzerHost } from './analyzer.js';
import { untrainedCard } from './consent.js';
import { createEnginePanel, type EnginePanel } from './engine.js';
import { createFilm, type Film } from './film.js';
import { megabytes } from './format.js';
import { createOffline } from './offline.js';
import { createReport } from './report/index.js';
import { createPlaceholder } from './report/placeholder.js';
import type { ReportPart } from './report/section.js';
import { createShell, type Shell } from './shell.js';

/** What both pages have: the frame, the engine panel, the report, and the analyzer behind them. */
export interface Session {
  readonly shell: Shell;
  readonly film: Film;
  readonly panel: EnginePanel;
  /**
   * Resolves at once, or, where the weights are untrained, when the visitor has agreed to run on them.
   */
  consent(): Promise<void>;
  /**
   * Gives the analyzer, telling about its loading in the frame until `signal` is aborted.
   *
   * @throws what `FaceAnalyzer.create` throws
   */
  analyzer(signal: AbortSignal): Promise<FaceAnalyzer>;
  /** Frees the analyzer; the next use makes a new one. */
  release(): void;
  /** Fills the report's column, building it for this analyzer if need be. */
  report(analyzer: FaceAnalyzer): ReportPart;
  /** Shows that the report is of a face that is not there any more, until {@link Session.report} fills it again. */
  dimReport(): void;
  /** Empties the report's column down to a line of text and what will be there. */
  clearReport(text: string): void;
}

/** Puts the page's common parts in place. */
export function createSession(page: 'photo' | 'webcam'): Session {
  const shell = createShell(page);
  const film = createFilm();
  const panel = createEnginePanel();
  shell.stage.append(film.element);
  const placeholder = createPlaceholder();
  let accepted = !__UNTRAINED__;
  let watching: AbortSignal | undefined;
  let built: { readonly analyzer: FaceAnalyzer; readonly part: ReportPart } | undefined;
  shell.setUntrained(__UNTRAINED__);
  const offline = createOffline();
  shell.footer.append(offline.element);

  const host: AnalyzerHost = createAnalyzerHost(({ stage, loaded, total }) => {
    if (watching?.aborted !== false) return;
    if (stage === 'model') {
      film.setStatus(`Loading the model: ${megabytes(loaded)} of ${megabytes(total)}`);
      film.setProgress(total > 0 ? loaded / total : 'busy');
    } else if (stage !== 'ready') {
      film.setStatus(stage === 'engine' ? 'Preparing the network' : 'Loading the face finder');
      film.setProgress('busy');
    }
  }, offline.prepared);

  const consent = (): Promise<void> =>
    new Promise((resolve) => {
      film.setStatus('Waiting for your decision');
      film.setCard(
        untrainedCard(() => {
          accepted = true;
          film.setCard(undefined);
          resolve();
        }),
      );
    });

  return {
    shell,
    film,
    panel,
    async consent() {
      if (!accepted) await consent();
    },
    async analyzer(signal) {
      watching = signal;
      const analyzer = await host.get();
      panel.setAnalyzer(analyzer);
      offline.setComplete();
      // The manifest has the last word on what its weights are worth.
      shell.setUntrained(analyzer.manifest.synthetic);
      return analyzer;
    },
    release() {
      built = undefined;
      host.dispose();
    },
    report(analyzer) {
      if (built?.analyzer !== analyzer) built = { analyzer, part: createReport(analyzer) };
      if (!built.part.element.isConnected) shell.report.replaceChildren(built.part.element);
      shell.report.removeAttribute('data-past');
      return built.part;
    },
    dimReport() {
      shell.report.setAttribute('data-past', '');
    },
    clearReport(text) {
      shell.report.removeAttribute('data-past');
      placeholder.setText(text);
      if (!placeholder.element.isConnected) shell.report.replaceChildren(placeholder.element);
    },
  };
}
