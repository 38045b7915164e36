import type { Card } from './film.js';

/** Asks before numbers that mean nothing are shown. */
export function untrainedCard(accept: () => void): Card {
  return {
    kind: 'untrained',
    takesFocus: true,
    title: 'These weights are untrained',
    body: 'No trained model is in this copy yet. The page can run the whole network on generated weights: faces and landmarks will be real, but age, gender, expression, attributes and similarity will be noise.',
    actions: [{ label: 'Run it on untrained weights', run: accept }],
  };
}
