import type { TaskExplanation, Timings } from 'swinface';
import type { ReportedFace } from './results/report.js';
import type { WidgetState } from './states.js';

/** Detail of `swin-state`. */
export interface StateDetail {
  readonly state: WidgetState;
  readonly previous: WidgetState;
}

/** Detail of `swin-faces`. */
export interface FacesDetail {
  /** Without identity and value-laden attributes, unless `outputs` names them. Coordinates in pixels of the source. */
  readonly faces: readonly ReportedFace[];
  /** Absent where the SDK measured none. */
  readonly timings?: Timings;
}

/** Detail of `swin-explanation`. */
export interface ExplanationDetail {
  /** What the face is called: its id in a video, its place in a photo, from 1. */
  readonly face: string;
  readonly explanation: TaskExplanation;
}

/** Detail of `swin-error`. */
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
