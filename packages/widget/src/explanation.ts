/** Everything that shows what the network looked at: loaded when a person asks. */
export { Explainer } from './explaining.js';
export { explanationStyles } from './explanation-styles.js';
export { explanationView } from './explanation-view.js';
