/** Everything that shows what the network looked at: loaded when a person asks. */
export { ExplanationController } from './controller.js';
export { explanationStyles } from './styles.js';
export { explanationView } from './view.js';
