import { h, setText } from '../dom.js';
import { percent, signed } from '../format.js';
import type { ReportInput, ReportPart } from './section.js';

function figure(caption: string): { element: HTMLElement; set(value: string, note: string): void } {
  const value = h('dd', { class: 'figure' });
  const note = h('dd', { class: 'note' });
  return {
    element: h('div', {}, h('dt', {}, caption), value, note),
    set(text, small) {
      setText(value, text);
      setText(note, small);
    },
  };
}

const ageNote = (age: ReportInput['face']['age']): string => {
  if (!age) return 'not offered by this model';
  return age.low !== undefined && age.high !== undefined
    ? `${Math.round(age.low)} to ${Math.round(age.high)} years`
    : 'years, range not measured';
};

/** The three answers people look for first, and where the head points. */
export function createHeadline(): ReportPart {
  const title = h('h2', {});
  const age = figure('Apparent age');
  const gender = figure('Apparent gender');
  const expression = figure('Expression');
  const pose = h('p', { class: 'pose' });
  return {
    element: h(
      'div',
      { class: 'headline' },
      title,
      h('dl', { class: 'figures' }, age.element, gender.element, expression.element),
      pose,
    ),
    show({ face, label, others }) {
      setText(title, others.length === 0 ? 'One face' : `Face ${label} of ${others.length + 1}`);
      age.set(face.age ? signed(face.age.years) : '\u2013', ageNote(face.age));
      gender.set(
        face.gender?.label ?? '\u2013',
        face.gender ? percent(face.gender.probabilities[face.gender.label]) : 'not offered by this model',
      );
      expression.set(
        face.expression?.label ?? '\u2013',
        face.expression ? percent(face.expression[face.expression.label]) : 'not offered by this model',
      );
      const { yaw, pitch, roll } = face.pose;
      const degrees = (angle: number) => `${Math.round(Math.abs(angle))}\u00b0`;
      // Without left and right, which are the other way round in a mirrored picture.
      setText(
        pose,
        `Head turned ${degrees(yaw)}, ${pitch < 0 ? 'lowered' : 'raised'} ${degrees(pitch)}, tilted ${degrees(roll)}`,
      );
    },
  };
}
