import { LitElement, type PropertyValues } from 'lit';
import type { FaceAnalyzer, Timings } from 'swinface';
import { type Announcer, createAnnouncer } from './announcer.js';
import { type Camera, cameraIsOffered, openCamera } from './camera.js';
import { createEngine, type EngineOptions, Problem, type WidgetAnalyzer } from './engine.js';
import type { ErrorDetail, FacesDetail, StateDetail } from './events.js';
import { createOverlay, type Overlay } from './overlay.js';
import { faceLabel, type ReportedFace, reportedFace, summary } from './report.js';
import { cameraState, errorState, type WidgetSource, type WidgetState } from './states.js';
import { stringsFor } from './strings/index.js';
import type { Strings } from './strings/types.js';
import { styles } from './styles.js';
import { view } from './view.js';

/** Words that change faster than this cannot be read. */
const SHOW_EVERY_MS = 250;
/** Nor can they be listened to. */
const SPEAK_EVERY_MS = 5000;

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
 * <swin-face model="/models/swinface-nano.json" assets="/static/swinface"></swin-face>
 *
 * @tag swin-face
 *
 * @attr {string} model - Address of the model's manifest; its weights lie beside it.
 * @attr {string} assets - Folder with the SDK's assets (`mediapipe/`, `face_landmarker.task`, `face-api/`, `tfjs/`). Default `/assets`.
 * @attr {'webcam' | 'photo'} source - What to look at where no picture or video is in the `media` slot. Default `webcam`.
 * @attr {string} outputs - Names of the outputs to compute, show and report, separated by commas ("Age, Expression, Eyeglasses"). By default all but identity and value-laden attributes.
 * @attr {string} locale - Language of the widget's words: `en`, `de` or `ar`. By default that of the nearest `lang` attribute.
 *
 * @fires {CustomEvent<StateDetail>} swin-state - The state changed. Does not bubble.
 * @fires {CustomEvent<FacesDetail>} swin-faces - A picture or frame was analysed. Does not bubble: faces are nobody else's business.
 * @fires {CustomEvent<ErrorDetail>} swin-error - Something went wrong; the state tells what. Does not bubble.
 *
 * @slot media - The page's own `<img>` or `<video>` to analyse, instead of webcam or file.
 * @slot ready - Words before anything starts. Something in it must call `start()` from a click.
 * @slot denied - Words for a camera that is not allowed.
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
  #engine: Promise<FaceAnalyzer> | undefined;
  #overlay: Overlay | undefined;
  #announcer: Announcer | undefined;
  #reported: readonly ReportedFace[] = [];
  #shownAt = 0;
  #hadFocus = false;
  #watch: AbortController | undefined;
  #resizes: ResizeObserver | undefined;

  constructor() {
    super();
    this.source = 'webcam';
    this._state = 'ready';
    this._status = '';
    this._faces = [];
    this._synthetic = false;
  }

  /** What the widget is doing. */
  get state(): WidgetState {
    return this._state;
  }

  /** The faces last seen, as `swin-faces` told them; empty after `stop`. */
  get faces(): readonly ReportedFace[] {
    return this.#reported;
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
    await this.#work(async (signal) => {
      const bitmap = await createImageBitmap(picture).catch((error) => {
        throw new Problem('unreadable', error);
      });
      signal.throwIfAborted();
      const canvas = document.createElement('canvas');
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
      canvas.role = 'img';
      canvas.ariaLabel = name;
      canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
      bitmap.close();
      this._photo = canvas;
      await this.#picture(picture, canvas, signal);
    });
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const watch = new AbortController();
    const { signal } = watch;
    this.#watch = watch;
    const check = () => this.#stopUnseen();
    document.addEventListener('visibilitychange', check, { signal });
    addEventListener('pagehide', () => this.#end('ready'), { signal });
    this.#resizes = new ResizeObserver(check);
    this.#resizes.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#watch?.abort();
    this.#resizes?.disconnect();
    this.#end('ready');
    this.#dropEngine();
  }

  protected override willUpdate(changed: PropertyValues): void {
    this.#hadFocus = Boolean(this.shadowRoot?.activeElement);
    const engineChanged = ['model', 'assets', 'outputs', 'options', 'analyzer'].some((name) => changed.has(name));
    // What the constructor and the first attributes set changes nothing that runs.
    if (this.hasUpdated && (engineChanged || changed.has('source') || changed.has('_media'))) this.#end('ready');
    if (this.hasUpdated && engineChanged) this.#dropEngine();
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
      overlay: this.#overlay?.element,
      onStart: this.#begin,
      onStop: this.#halt,
      onFile: this.#file,
      onDrop: this.#drop,
      onMedia: this.#mediaChanged,
    });
  }

  protected override updated(): void {
    // The button that was pressed is gone: the keyboard goes on at the one that took its place.
    if (!this.#hadFocus || this.shadowRoot?.activeElement) return;
    this.shadowRoot?.querySelector<HTMLElement>('[data-next]')?.focus();
  }

  get #source(): WidgetSource {
    if (this._media) return this._media.localName === 'video' ? 'video' : 'image';
    return this.source === 'photo' ? 'photo' : 'webcam';
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

  #pick(): void {
    this.shadowRoot?.querySelector<HTMLInputElement>('input[type=file]')?.click();
  }

  async #start(): Promise<void> {
    const media = this._media;
    if (!media && this.#source === 'photo') return this.#pick();
    await this.#work(async (signal) => {
      if (media instanceof HTMLVideoElement) await this.#video(media, signal);
      else if (media) await this.#image(media, signal);
      else await this.#webcam(signal);
    });
  }

  /** Runs one piece of work in place of the one before. */
  async #work(task: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.#end('ready');
    const control = new AbortController();
    this.#running = control;
    this.#overlay = createOverlay(() => {}, { mirrored: this.#source === 'webcam' });
    try {
      this.#enter('loading', '', 'busy');
      await task(control.signal);
    } catch (error) {
      if (control.signal.aborted) return;
      const { state, cause } = this.#problem(error);
      if (state === 'lost') this.#dropEngine();
      this.#end(state);
      const detail: ErrorDetail = { state, error: cause };
      this.dispatchEvent(new CustomEvent('swin-error', { detail }));
    }
  }

  async #webcam(signal: AbortSignal): Promise<void> {
    if (!cameraIsOffered()) throw new Problem('unsupported', new Error('This page is offered no camera.'));
    this._status = this.#words.askingCamera;
    const lost = () => {
      const gone = new DOMException('The camera went away.', 'NotFoundError');
      if (!signal.aborted) this.#cameraFailed(gone);
    };
    const camera = await openCamera(lost).catch((error) => {
      throw new Problem(cameraState(error), error);
    });
    if (signal.aborted) return camera.stop();
    // From here on whatever ends the work ends the camera.
    signal.addEventListener('abort', () => camera.stop(), { once: true });
    this._camera = camera;
    this.#stopUnseen();
    await this.updateComplete;
    const video = this.shadowRoot?.querySelector<HTMLVideoElement>('video.camera');
    if (!video || signal.aborted) return;
    // Not in the template: Lit sets properties that are objects at every update, which would start the video afresh.
    video.srcObject = camera.stream;
    video.muted = true;
    await video.play();
    await this.#follow(video, signal);
    if (!signal.aborted) this.#end('ready');
  }

  #problem(error: unknown): Pick<Problem, 'state' | 'cause'> {
    if (error instanceof Problem) return error;
    const state = errorState(error);
    const isPicture = this.#source === 'photo' || this.#source === 'image';
    // Nobody chose the frames of a video: another file would not help.
    return { state: state === 'unreadable' && !isPicture ? 'failed' : state, cause: error };
  }

  #cameraFailed(error: DOMException): void {
    const state = cameraState(error);
    this.#end(state);
    this.dispatchEvent(new CustomEvent<ErrorDetail>('swin-error', { detail: { state, error } }));
  }

  async #video(video: HTMLVideoElement, signal: AbortSignal): Promise<void> {
    await this.#follow(video, signal);
    if (!signal.aborted) this.#settle('done');
  }

  async #image(image: HTMLImageElement, signal: AbortSignal): Promise<void> {
    await image.decode().catch((error) => {
      throw new Problem('unreadable', error);
    });
    await this.#picture(image, { width: image.naturalWidth, height: image.naturalHeight }, signal);
  }

  async #picture(
    picture: Blob | HTMLImageElement,
    size: { readonly width: number; readonly height: number },
    signal: AbortSignal,
  ): Promise<void> {
    const analyzer = await this.#ready(signal);
    let timings: Timings | undefined;
    const faces = await analyzer.analyze(picture, {
      signal,
      onTimings: (measured) => {
        timings = measured;
      },
    });
    signal.throwIfAborted();
    this.#show(faces, size, timings);
    this.#settle('done');
  }

  /** Analyses a playing video until it ends or `signal` aborts. */
  async #follow(video: HTMLVideoElement, signal: AbortSignal): Promise<void> {
    const analyzer = await this.#ready(signal);
    this.#enter('running', this.#words.looking);
    for await (const { faces, timings } of analyzer.stream(video, { signal })) {
      this.#stopUnseen();
      if (signal.aborted) return;
      this.#show(faces, { width: video.videoWidth, height: video.videoHeight }, timings);
    }
  }

  async #ready(signal: AbortSignal): Promise<WidgetAnalyzer> {
    this.#enter('loading', this.#words.loadingModel, 'busy');
    const analyzer = this.analyzer ?? (await this.#load());
    signal.throwIfAborted();
    this._synthetic = analyzer.manifest.synthetic;
    this._status = this.#words.looking;
    return analyzer;
  }

  #load(): Promise<FaceAnalyzer> {
    if (this.#engine) return this.#engine;
    const { model, assets, outputs, options } = this;
    const engine = createEngine({
      model,
      assets,
      outputs,
      options,
      onProgress: ({ stage, loaded, total }) => {
        if (this._state !== 'loading') return;
        const share = stage === 'model' && total > 0 ? loaded / total : undefined;
        this._progress = share ?? 'busy';
        const { loadingModel, loadingShare, locale } = this.#words;
        const format = new Intl.NumberFormat(locale, { style: 'percent' });
        this._status = share === undefined ? loadingModel : loadingShare(format.format(share));
      },
    });
    this.#engine = engine;
    // A failure is not remembered: the next start may find the file or the device back.
    engine.catch(() => {
      if (this.#engine === engine) this.#engine = undefined;
    });
    return engine;
  }

  #dropEngine(): void {
    this.#engine?.then((analyzer) => analyzer.dispose()).catch(() => undefined);
    this.#engine = undefined;
  }

  #show(
    faces: readonly ReportedFace[],
    size: { readonly width: number; readonly height: number },
    timings: Timings | undefined,
  ): void {
    const reported = faces.map((face) => reportedFace(face, this.outputs));
    this.#reported = reported;
    this.#overlay?.draw(
      reported.map((face, i) => ({ face, label: faceLabel(face, i), selected: false })),
      size,
    );
    const now = performance.now();
    if (this._state !== 'running' || now - this.#shownAt >= SHOW_EVERY_MS) {
      this.#shownAt = now;
      this._faces = reported;
      this._status = this.#words.faces(reported.length);
      this.#speak(summary(reported, this.#words));
    }
    const detail: FacesDetail = { faces: reported, ...(timings ? { timings } : {}) };
    this.dispatchEvent(new CustomEvent('swin-faces', { detail }));
  }

  #speak(text: string): void {
    this.#announcer ??= createAnnouncer((words) => {
      const live = this.shadowRoot?.querySelector('[role=status]');
      if (live) live.textContent = words;
    }, SPEAK_EVERY_MS);
    this.#announcer.say(text);
  }

  /** Nobody is filmed by a camera whose picture cannot be seen. */
  #stopUnseen(): void {
    if (!this._camera) return;
    const seen = this.checkVisibility?.({ opacityProperty: true, visibilityProperty: true }) ?? true;
    if (document.visibilityState === 'visible' && seen) return;
    this.#end('ready');
    this._status = this.#words.stoppedHidden;
  }

  /** Ends what runs, with nothing of it left. */
  #end(state: WidgetState): void {
    this.#running?.abort();
    this.#running = undefined;
    this.#announcer?.hush();
    this.#overlay = undefined;
    this.#reported = [];
    this._faces = [];
    this._camera = undefined;
    this._photo = undefined;
    this.#enter(state, '');
  }

  /** Ends what runs and keeps its results. */
  #settle(state: WidgetState): void {
    this.#running = undefined;
    this.#enter(state, this._status);
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
