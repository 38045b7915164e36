import type { TaskExplanation, Timings } from 'swinface';
import type { ReportedFace } from './report.js';
import type { WidgetState } from './states.js';

/** What `swin-state` tells. */
export interface StateDetail {
  readonly state: WidgetState;
  readonly previous: WidgetState;
}

/** What `swin-faces` tells. */
export interface FacesDetail {
  /** Without identity and value-laden attributes, unless `outputs` names them. Coordinates in pixels of the source. */
  readonly faces: readonly ReportedFace[];
  /** Absent where the SDK measured none. */
  readonly timings?: Timings;
}

/** What `swin-explanation` tells. */
export interface ExplanationDetail {
  /** What the face is called: its id in a video, its place in a photo, from 1. */
  readonly face: string;
  readonly explanation: TaskExplanation;
}

/** What `swin-error` tells. */
export interface ErrorDetail {
  readonly state: WidgetState;
  /** The SDK's or the browser's own error. */
  readonly error: unknown;
}

declare global {
  interface HTMLElementEventMap {
    'swin-state': CustomEvent<StateDetail>;
    'swin-faces': CustomEvent<FacesDetail>;
    'swin-explanation': CustomEvent<ExplanationDetail>;
    'swin-error': CustomEvent<ErrorDetail>;
  }
}
