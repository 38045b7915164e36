import { html, nothing, type TemplateResult } from 'lit';
import { explainable, faceLabel, lines, type ReportedFace } from './results/report.js';
import type { Camera } from './sources/camera.js';
import type { WidgetSource, WidgetState } from './states.js';
import type { CardStrings, Strings } from './strings/types.js';

/** Everything that the widget looks like depends on this. */
export interface ViewModel {
  readonly strings: Strings;
  readonly state: WidgetState;
  readonly source: WidgetSource;
  readonly status: string;
  readonly progress: number | 'busy' | undefined;
  readonly faces: readonly ReportedFace[];
  readonly camera: Camera | undefined;
  readonly photo: HTMLCanvasElement | undefined;
  readonly media: HTMLElement | undefined;
  readonly synthetic: boolean;
  readonly overlay: SVGSVGElement | undefined;
  /** Whether what the network looked at is on offer. */
  readonly explain: boolean;
  /** What the face is called that was asked about. */
  readonly explained: string | undefined;
  /** What the network looked at; undefined until a person asks. */
  readonly explanation: TemplateResult | undefined;
  readonly onStart: () => void;
  readonly onStop: () => void;
  readonly onFile: (event: Event) => void;
  readonly onDrop: (event: DragEvent) => void;
  readonly onMedia: (event: Event) => void;
  readonly onExplain: (face: ReportedFace, label: string) => void;
}

/** The card's words, or undefined where a picture is shown instead. */
function cardOf({ state, source, strings }: ViewModel): CardStrings | undefined {
  if (state === 'ready') return strings.ready[source];
  if (state === 'loading' || state === 'running' || state === 'done') return undefined;
  return strings.cards[state];
}

// The slot is inside the live card, so that a page's own words are announced like the widget's.
const card = ({ state, onStart }: ViewModel, { title, text, action }: CardStrings): TemplateResult => html`
  <div class="card" part="card" data-card=${state} role=${state === 'ready' ? 'group' : 'alert'} aria-label=${title}>
    <slot name=${state}>
      <p class="title" part="title">${title}</p>
      <p part="text">${text}</p>
      <button part="action" type="button" data-next @click=${onStart}>${action}</button>
    </slot>
  </div>
`;

const picture = ({ camera, photo, overlay, strings, onMedia }: ViewModel): TemplateResult => html`
  <div class="picture">
    ${camera ? html`<video class="camera" playsinline aria-label=${strings.cameraImage}></video>` : nothing}
    ${photo ?? nothing}
    <slot name="media" @slotchange=${onMedia}></slot>
    ${overlay ?? nothing}
  </div>
`;

// The element itself, since a style attribute would need a hole in the page's Content-Security-Policy.
const progressBar = (progress: number | 'busy', label: string): TemplateResult =>
  html`<progress max="1" value=${progress === 'busy' ? nothing : progress} aria-label=${label}></progress>`;

function bar(model: ViewModel): TemplateResult {
  const { strings, state, source, status, progress, camera, onStop } = model;
  const stoppable = state === 'loading' || state === 'running';
  const again = state === 'done' && source === 'photo';
  // The mark that the camera is on is no part: a page's style must not take it away.
  return html`
    <div class="bar">
      ${camera ? html`<span class="live">${strings.cameraOn}</span>` : nothing}
      <span class="status" part="status">${status || strings.privacy}</span>
      ${
        stoppable || again
          ? html`<button part="stop" type="button" data-next @click=${onStop}>${again ? strings.another : strings.stop}</button>`
          : nothing
      }
    </div>
    ${progress === undefined ? nothing : progressBar(progress, strings.loadingModel)}
  `;
}

const explainButton = (face: ReportedFace, label: string, { strings, explained, onExplain }: ViewModel) => html`
  <button
    class="quiet"
    part="explain"
    type="button"
    data-explain=${label}
    aria-expanded=${explained === label}
    aria-label="${strings.explain}: ${strings.face(label)}"
    @click=${() => onExplain(face, label)}
  >
    ${strings.explain}
  </button>
`;

function faceLines(face: ReportedFace, index: number, model: ViewModel): TemplateResult {
  const { strings, explain } = model;
  const label = faceLabel(face, index);
  return html`
    <li part="face" data-face=${label}>
      <p class="name">${strings.face(label)}</p>
      <dl>
        ${lines(face, strings).map(
          ({ output, name, value, note }) => html`
            <div data-output=${output}>
              <dt>${name}</dt>
              <dd>${value}${note ? html` <small>${note}</small>` : nothing}</dd>
            </div>
          `,
        )}
      </dl>
      ${explain && explainable(face).length > 0 ? explainButton(face, label, model) : nothing}
    </li>
  `;
}

const results = (model: ViewModel): TemplateResult => html`
  ${model.synthetic ? html`<p class="synthetic">${model.strings.synthetic}</p>` : nothing}
  <ul part="results" aria-label=${model.strings.results}>
    ${model.faces.map((face, i) => faceLines(face, i, model))}
  </ul>
`;

/** The whole widget. */
export function view(model: ViewModel): TemplateResult {
  const { strings, source, camera, photo, media, faces } = model;
  const words = cardOf(model);
  return html`
    <div class="widget" role="group" aria-label=${strings.label} lang=${strings.locale} dir=${strings.direction}>
      <div
        class="frame"
        part="frame"
        ?data-empty=${!camera && !photo && !media}
        @dragover=${model.onDrop}
        @drop=${model.onDrop}
      >
        ${picture(model)} ${words ? card(model, words) : nothing} ${bar(model)}
      </div>
      ${faces.length > 0 ? results(model) : nothing}
      ${model.explanation ?? nothing}
      ${faces.length > 0 ? html`<p class="hint" part="hint">${strings.hint}</p>` : nothing}
      <p class="spoken" role="status"></p>
      ${
        source === 'photo'
          ? html`<input type="file" accept="image/*" hidden tabindex="-1" aria-label=${strings.ready.photo.action} @change=${model.onFile} />`
          : nothing
      }
    </div>
  `;
}
