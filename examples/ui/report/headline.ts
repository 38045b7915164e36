import type { Face } from 'swinface';
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

/** What may be wrong with the picture of a face, in words that fit a photo as well as a camera. */
const FAULTS: Readonly<Record<Face['quality']['hints'][number], string>> = {
  'too-small': 'very small',
  'too-dark': 'in the dark',
  'too-bright': 'in too bright a light',
  blurred: 'blurred',
  'turn-to-camera': 'turned away',
  unrecognisable: 'too poorly seen to be known again',
};

const list = new Intl.ListFormat('en');

/** Nothing for a good picture. */
function caution({ hints }: Face['quality']): string {
  if (hints.length === 0) return '';
  const faults = hints.map((hint) => FAULTS[hint]);
  // Where the pixels show nothing wrong, something is in front of the face, as a rule.
  const alone = hints.length === 1 && hints[0] === 'unrecognisable';
  return `Do not rely on these answers: the face is ${alone ? 'covered, or ' : ''}${list.format(faults)}.`;
}

/** The three answers people look for first, whether the picture allows them, and where the head points. */
export function createHeadline(): ReportPart {
  const title = h('h2', {});
  const age = figure('Apparent age');
  const gender = figure('Apparent gender');
  const expression = figure('Expression');
  const warning = h('p', { class: 'caution' });
  const pose = h('p', { class: 'pose' });
  return {
    element: h(
      'div',
      { class: 'headline' },
      title,
      h('dl', { class: 'figures' }, age.element, gender.element, expression.element),
      warning,
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
      setText(warning, caution(face.quality));
      warning.hidden = face.quality.hints.length === 0;
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
