import { SwinFaceElement } from './element.js';

export type { EngineOptions, WidgetAnalyzer } from './engine.js';
export type { ErrorDetail, ExplanationDetail, FacesDetail, StateDetail } from './events.js';
export type { ReportedFace } from './results/report.js';
export type { WidgetSource, WidgetState } from './states.js';
export type { CardState, CardStrings, ExplainStrings, Strings } from './strings/types.js';
export { type AttributeName, VALUE_LADEN } from './value-laden.js';
export { SwinFaceElement };

// Two copies of the package on one page share the first one's element.
if (customElements.get('swin-face') === undefined) customElements.define('swin-face', SwinFaceElement);
