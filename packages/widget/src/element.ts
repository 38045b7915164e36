import { LitElement, type PropertyValues } from 'lit';
import type { ProgressEvent } from 'swinface';
import { EngineKeeper, type EngineOptions, type Problem, problemOf, type WidgetAnalyzer } from './engine.js';
import type { ErrorDetail, ExplanationDetail, FacesDetail, StateDetail } from './events.js';
import { ExplanationLoader } from './explanation/loader.js';
import { Focus } from './focus.js';
import { loadingStatus, type ReportedFace, reportedFace } from './results/report.js';
import { Results } from './results/results.js';
import { Sight } from './sight.js';
import type { Camera } from './sources/camera.js';
import { image, photo, type Stage, video, webcam } from './sources/sources.js';
import type { WidgetSource, WidgetState } from './states.js';
import { stringsFor } from './strings/index.js';
import type { Strings } from './strings/types.js';
import { styles } from './styles.js';
import { view } from './view.js';

const toList = (text: string | null): readonly string[] | undefined =>
  text
    ?.split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

/**
 * Analyses the faces of a webcam, a photo, or the page's own picture or video, on the visitor's device.
 * It asks first: neither the camera nor any code or weights of the engine are touched before a person starts it, and
 * the camera goes off when the element is removed, hidden, or its page is left.
 *
 * @example
 * <swin-face model="/models/swinface-mobile.json" assets="/static/swinface"></swin-face>
 *
 * @tag swin-face
 *
 * @attr {string} model - Address of the model's manifest; its weights lie beside it.
 * @attr {string} assets - Folder with what the SDK falls back to (`tfjs/`, `mediapipe/`, `face_landmarker.task`, `face-api/`). Default `/assets`.
 * @attr {'webcam' | 'photo'} source - What to look at where no picture or video is in the `media` slot. Default `webcam`.
 * @attr {string} outputs - Names of the outputs to compute, show and report, separated by commas ("Age, Expression, Eyeglasses"). By default all but identity and value-laden attributes.
 * @attr {boolean} explain - Offers to show, for a face and an answer, what the network looked at: a heat map over the face, and how much it draws on each of its levels. Nothing is computed before a person asks.
 * @attr {string} locale - Language of the widget's words: `en`, `de` or `ar`. By default that of the nearest `lang` attribute.
 *
 * @fires {CustomEvent<StateDetail>} swin-state - The state changed. Does not bubble.
 * @fires {CustomEvent<FacesDetail>} swin-faces - A picture or frame was analysed. Does not bubble, so that no other part of the page hears of faces by accident.
 * @fires {CustomEvent<ExplanationDetail>} swin-explanation - What the network looked at was worked out, since a person asked. Does not bubble.
 * @fires {CustomEvent<ErrorDetail>} swin-error - Something went wrong; the state tells what. Does not bubble.
 *
 * @slot media - The page's own `<img>` or `<video>` to analyse, instead of webcam or file.
 * @slot ready - Words before anything starts. Something in it must call `start()` from a click.
 * @slot denied - Words for a camera that is not allowed.
 * @slot framed - Words for a camera that the page around this one does not hand on.
 * @slot absent - Words where there is no camera.
 * @slot busy - Words for a camera that another program uses.
 * @slot unsupported - Words for browsers that offer no camera or run no engine.
 * @slot no-model - Words where the model is not named, missing or damaged.
 * @slot lost - Words after the graphics device was reset.
 * @slot unreadable - Words for a file that is no picture.
 * @slot failed - Words for any other error.
 *
 * @csspart frame - The frame around the picture.
 * @csspart card - The card that covers the picture until there is one.
 * @csspart title - The card's title.
 * @csspart text - The card's text.
 * @csspart action - The card's button.
 * @csspart stop - The button that stops.
 * @csspart status - The line below the picture.
 * @csspart results - The results below it.
 * @csspart face - One face's results.
 * @csspart explain - The button that asks what the network looked at in a face.
 * @csspart explanation - What it looked at.
 * @csspart task - The choice of an answer there.
 * @csspart heat-map - The face with its heat map.
 * @csspart levels - How much the answer draws on each level of the network.
 * @csspart close - The button that takes the explanation away.
 * @csspart hint - What the words of the results mean.
 *
 * @cssprop --swin-face-surface - Background of the widget.
 * @cssprop --swin-face-ink - Text.
 * @cssprop --swin-face-soft - Text of less weight.
 * @cssprop --swin-face-accent - Buttons and the marks on faces.
 * @cssprop --swin-face-accent-ink - Text on buttons.
 * @cssprop --swin-face-focus - Outline of what has the keyboard's focus.
 * @cssprop --swin-face-radius - Radius of corners.
 * @cssprop --swin-face-font - Font family.
 */
export class SwinFaceElement extends LitElement {
  /** @internal */
  static override readonly styles = styles;

  /** @internal */
  static override readonly properties = {
    model: { type: String },
    assets: { type: String },
    source: { type: String },
    outputs: { converter: { fromAttribute: toList } },
    explain: { type: Boolean },
    locale: { type: String },
    strings: { attribute: false },
    options: { attribute: false },
    analyzer: { attribute: false },
    _state: { state: true },
    _status: { state: true },
    _progress: { state: true },
    _faces: { state: true },
    _camera: { state: true },
    _photo: { state: true },
    _media: { state: true },
    _synthetic: { state: true },
  };

  /** Address of the model's manifest. */
  declare model: string | undefined;
  /** Folder with the SDK's assets. */
  declare assets: string | undefined;
  /** What to look at where no picture or video is in the `media` slot. */
  declare source: 'webcam' | 'photo';
  /** Outputs to compute, show and report. */
  declare outputs: readonly string[] | undefined;
  /** Whether to offer what the network looked at. */
  declare explain: boolean;
  /** Language of the widget's words. */
  declare locale: string | undefined;
  /** Words to use instead of the widget's own, or a whole language. */
  declare strings: Partial<Strings> | undefined;
  /** More options of `FaceAnalyzer.create`: single asset addresses, engine, locator, device. */
  declare options: EngineOptions | undefined;
  /** An analyzer of the page's own to use; the page disposes it. */
  declare analyzer: WidgetAnalyzer | undefined;

  declare private _state: WidgetState;
  declare private _status: string;
  declare private _progress: number | 'busy' | undefined;
  declare private _faces: readonly ReportedFace[];
  declare private _camera: Camera | undefined;
  declare private _photo: HTMLCanvasElement | undefined;
  declare private _media: HTMLImageElement | HTMLVideoElement | undefined;
  declare private _synthetic: boolean;

  #running: AbortController | undefined;
  /** The analyzer of what runs, or ran last. */
  #current: WidgetAnalyzer | undefined;
  readonly #focus = new Focus(this);
  readonly #sight = new Sight(
    this,
    () => this.#stopUnseen(),
    () => this.#end('ready'),
  );
  readonly #engine = new EngineKeeper();
  readonly #results = new Results((words) => {
    const live = this.shadowRoot?.querySelector('[role=status]');
    if (live) live.textContent = words;
  });
  readonly #explanation = new ExplanationLoader(
    this,
    (face, { explanation }) => {
      const detail: ExplanationDetail = { face, explanation };
      this.dispatchEvent(new CustomEvent('swin-explanation', { detail }));
    },
    (error) => this.#tellError(this._state, error),
  );

  constructor() {
    super();
    this.source = 'webcam';
    this.explain = false;
    this._state = 'ready';
    this._status = '';
    this._faces = [];
    this._synthetic = false;
  }

  /** What the widget is doing. */
  get state(): WidgetState {
    return this._state;
  }

  /** The faces last seen, as in the detail of `swin-faces`; empty after `stop`. */
  get faces(): readonly ReportedFace[] {
    return this.#results.faces;
  }

  /**
   * Starts what the button of the first card starts. The camera, and the file dialog of `source="photo"`, need a person's
   * click or key press that the browser still remembers.
   *
   * @throws {DOMException} "NotAllowedError" if the camera would start without one
   */
  async start(): Promise<void> {
    const source = this.#source;
    if (source === 'webcam' && navigator.userActivation?.isActive !== true) {
      throw new DOMException('The camera starts only after a click or a key press.', 'NotAllowedError');
    }
    await this.#start();
  }

  /** Stops the camera and the analysis; the engine stays loaded for the next start. */
  stop(): void {
    this.#end('ready');
  }

  /**
   * Analyses a picture that the page has, in place of whatever is shown.
   *
   * @param name for the picture's description
   */
  async analyze(picture: Blob, name = ''): Promise<void> {
    await this.#work((signal) => photo(this.#stage, picture, name, signal));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#end('ready');
    this.#engine.drop();
  }

  protected override willUpdate(changed: PropertyValues): void {
    const engineChanged = ['model', 'assets', 'outputs', 'options', 'analyzer'].some((name) => changed.has(name));
    // What the constructor and the first attributes set changes nothing that runs.
    if (this.hasUpdated && (engineChanged || changed.has('source') || changed.has('_media'))) this.#end('ready');
    if (this.hasUpdated && engineChanged) this.#engine.drop();
    if (changed.has('explain') && !this.explain) this.#explanation.close();
    this.dataset.state = this._state;
  }

  protected override render(): unknown {
    return view({
      strings: this.#words,
      state: this._state,
      source: this.#source,
      status: this._status,
      progress: this._progress,
      faces: this._faces,
      camera: this._camera,
      photo: this._photo,
      media: this._media,
      synthetic: this._synthetic,
      overlay: this.#results.overlay,
      explain: this.explain,
      explained: this.#explanation.label,
      explanation: this.#explanation.view(this.#words, this.#closeExplained),
      onStart: this.#begin,
      onStop: this.#halt,
      onFile: this.#file,
      onDrop: this.#drop,
      onMedia: this.#mediaChanged,
      onExplain: this.#ask,
    });
  }

  get #source(): WidgetSource {
    if (this._media) return this._media.localName === 'video' ? 'video' : 'image';
    return this.source === 'photo' ? 'photo' : 'webcam';
  }

  get #cameraVideo(): HTMLVideoElement | undefined {
    return this.shadowRoot?.querySelector<HTMLVideoElement>('video.camera') ?? undefined;
  }

  get #words(): Strings {
    const nearest = this.closest<HTMLElement>('[lang]')?.lang ?? this.ownerDocument.documentElement.lang;
    return { ...stringsFor(this.locale ?? nearest), ...this.strings };
  }

  readonly #begin = (): void => void this.#start();
  readonly #halt = (): void => (this.#source === 'photo' && this._state === 'done' ? this.#pick() : this.stop());
  readonly #file = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const file = input.files?.[0];
    // Emptied, so that choosing the same file again is a change again.
    input.value = '';
    if (file) void this.analyze(file, file.name);
  };
  readonly #drop = (event: DragEvent): void => {
    if (this.#source !== 'photo') return;
    event.preventDefault();
    const file = event.dataTransfer?.files[0];
    if (event.type === 'drop' && file) void this.analyze(file, file.name);
  };
  readonly #mediaChanged = (event: Event): void => {
    const assigned = (event.target as HTMLSlotElement).assignedElements();
    this._media = assigned.find(
      (element) => element instanceof HTMLImageElement || element instanceof HTMLVideoElement,
    ) as HTMLImageElement | HTMLVideoElement | undefined;
  };

  readonly #ask = (face: ReportedFace, label: string): void => {
    const [analyzer, work] = [this.#current, this.#results.overlay];
    const source = this._photo ?? this._media ?? this.#cameraVideo;
    if (!source || !analyzer) return;
    const question = { analyzer, source, face, label, mirrored: source === this.#cameraVideo };
    void this.#explanation.ask(question, () => {
      // A long list may be between the button and what it opens.
      this.#focus.moveTo('.explanation select');
      return work === this.#results.overlay;
    });
  };
  readonly #closeExplained = (): void => {
    this.#focus.moveTo(`[data-explain="${this.#explanation.label}"]`);
    this.#explanation.close();
  };

  #pick(): void {
    this.shadowRoot?.querySelector<HTMLInputElement>('input[type=file]')?.click();
  }

  async #start(): Promise<void> {
    const media = this._media;
    if (!media && this.#source === 'photo') return this.#pick();
    await this.#work(async (signal) => {
      if (media instanceof HTMLVideoElement) return video(this.#stage, media, signal);
      if (media) return image(this.#stage, media, signal);
      await webcam(this.#stage, signal);
      if (!signal.aborted) this.#end('ready');
    }, media);
  }

  /** Runs one piece of work in place of the one before. */
  async #work(task: (signal: AbortSignal) => Promise<void>, media?: HTMLElement): Promise<void> {
    this.#end('ready');
    const control = new AbortController();
    this.#running = control;
    this.#results.begin(this.#source === 'webcam', media);
    try {
      this.#enter('loading', '', 'busy');
      await task(control.signal);
    } catch (error) {
      if (!control.signal.aborted) this.#fail(problemOf(error, this.#source));
    }
  }

  #fail({ state, cause }: Pick<Problem, 'state' | 'cause'>): void {
    if (state === 'lost') this.#engine.drop();
    this.#end(state);
    this.#tellError(state, cause);
  }

  #tellError(state: WidgetState, error: unknown): void {
    this.dispatchEvent(new CustomEvent<ErrorDetail>('swin-error', { detail: { state, error } }));
  }

  /** What the sources see of the widget. */
  get #stage(): Stage {
    return {
      words: this.#words,
      analyzer: (signal) => this.#ready(signal),
      tell: (status) => {
        this._status = status;
      },
      run: (status) => this.#enter('running', status),
      done: () => {
        this.#running = undefined;
        this.#enter('done', this._status);
      },
      showCamera: async (camera) => {
        this._camera = camera;
        this.#sight.check();
        await this.updateComplete;
        return this.#cameraVideo;
      },
      showPhoto: (canvas) => {
        this._photo = canvas;
      },
      showFaces: (faces, size, timings) => {
        this.#sight.check();
        if (!this.#running) return;
        const reported = faces.map((face) => reportedFace(face, this.outputs));
        if (this.#results.show(reported, size, this.#words, this._state !== 'running')) {
          this._faces = reported;
          this._status = this.#words.faces(reported.length);
        }
        const detail: FacesDetail = { faces: reported, ...(timings ? { timings } : {}) };
        this.dispatchEvent(new CustomEvent('swin-faces', { detail }));
      },
      fail: (problem) => this.#fail(problem),
    };
  }

  async #ready(signal: AbortSignal): Promise<WidgetAnalyzer> {
    this.#enter('loading', this.#words.loadingModel, 'busy');
    const { model, assets, outputs, options } = this;
    const onProgress = ({ stage, loaded, total }: ProgressEvent) => {
      if (this._state !== 'loading') return;
      this._progress = stage === 'model' && total > 0 ? loaded / total : 'busy';
      this._status = loadingStatus(this._progress, this.#words);
    };
    const analyzer = this.analyzer ?? (await this.#engine.get({ model, assets, outputs, options, onProgress }));
    signal.throwIfAborted();
    this.#current = analyzer;
    this._synthetic = analyzer.manifest.synthetic;
    this._status = this.#words.looking;
    return analyzer;
  }

  /** Switches the camera off when its picture cannot be seen, so that no person is filmed unawares. */
  #stopUnseen(): void {
    if (!this._camera) return;
    this.#end('ready');
    this._status = this.#words.stoppedHidden;
  }

  /** Ends what runs, with nothing of it left. */
  #end(state: WidgetState): void {
    this.#running?.abort();
    this.#running = undefined;
    this.#results.end();
    this.#explanation.close();
    this._faces = [];
    this._camera = undefined;
    this._photo = undefined;
    this.#enter(state, '');
  }

  #enter(state: WidgetState, status: string, progress?: 'busy'): void {
    const previous = this._state;
    this._status = status;
    this._progress = progress;
    if (state === previous) return;
    this._state = state;
    this.dispatchEvent(new CustomEvent<StateDetail>('swin-state', { detail: { state, previous } }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'swin-face': SwinFaceElement;
  }
}
