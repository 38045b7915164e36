import { operatingPoint } from '@swinface/postprocessing';
import type { FaceAnalyzer, TrackedFace } from 'swinface';
import { button, h, setText } from '../ui/dom.js';
import { counted, decimal } from '../ui/format.js';
import { type Bar, createBar } from '../ui/report/bar.js';
import { EnrolmentFailure } from './enrolling.js';
import { KEEP_DAYS, type People } from './people.js';

type Manifest = FaceAnalyzer['manifest'];
const NAME_LENGTH = 40;

/** Naming people, and recognising who was named. */
export interface PeoplePanel {
  readonly element: HTMLElement;
  /** Makes the panel ready for a model; without one, only who is remembered can be looked after. */
  setManifest(manifest: Manifest | undefined): void;
  /** Shows how alike the chosen face is to everybody. */
  show(face: TrackedFace | undefined): void;
  /** Whom a face is taken for at the chosen rate. */
  nameOf(face: TrackedFace): string | undefined;
  /** Writes the list anew, after a person was added or removed. */
  refresh(): void;
  say(text: string): void;
}

interface Row {
  readonly bar: Bar;
  readonly element: HTMLElement;
}

/** @param enrol takes pictures of the chosen face and adds it under a name; its progress goes to `say` */
export function createPeoplePanel(people: People, enrol: (name: string) => Promise<void>): PeoplePanel {
  let manifest: Manifest | undefined;
  let rows = new Map<string, Row>();
  let rate: number | undefined;
  let busy = false;
  let current: TrackedFace | undefined;

  const note = h('small');
  const name = h('input', {
    id: 'person-name',
    type: 'text',
    maxlength: NAME_LENGTH,
    autocomplete: 'off',
    required: true,
  });
  const submit = h('button', { type: 'submit', class: 'primary' }, 'Enrol this face');
  const form = h('form', { class: 'enrol' }, h('label', { for: 'person-name' }, 'Name'), name, submit);
  const ask = h(
    'p',
    { class: 'hint' },
    'Takes five pictures of the chosen face and keeps the numbers they become, not the pictures. Ask people before you enrol them.',
  );
  const status = h('p', { class: 'enrol-status', role: 'status' });
  const verdict = h('p', { class: 'verdict' });
  const list = h('ul', { class: 'people' });
  const select = h('select', { id: 'match-rate' });
  const misses = h('p', { class: 'hint', id: 'match-rate-note' });
  const rateField = h(
    'div',
    { class: 'rate' },
    h('label', { for: 'match-rate' }, 'Two strangers are taken for one in'),
    select,
    misses,
  );
  select.setAttribute('aria-describedby', 'match-rate-note');
  const remember = h('input', { type: 'checkbox' });
  const keeping = h(
    'div',
    { class: 'keeping' },
    h('label', {}, remember, ` Remember them in this browser for ${KEEP_DAYS} days`),
    button('Forget everyone', () => void act(() => people.removeAll(), 'Everyone is forgotten.'), { class: 'quiet' }),
  );
  const live = h('div', { class: 'live-part' }, form, ask);
  const element = h(
    'section',
    { class: 'people-panel', 'aria-label': 'Who is it?', hidden: true },
    h('h2', { class: 'part-title' }, 'Who is it?', note),
    live,
    status,
    verdict,
    list,
    rateField,
    keeping,
  );

  const say = (text: string) => setText(status, text);

  /** Runs one thing at a time and tells how it went. */
  async function act(run: () => Promise<void>, done: string): Promise<void> {
    if (busy) return;
    busy = true;
    update();
    try {
      await run();
      say(done);
    } catch (error) {
      if (error instanceof EnrolmentFailure) say(error.message);
      else if (error instanceof DOMException && error.name === 'AbortError') say('');
      else say(`That did not work: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      busy = false;
      refresh();
    }
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const wanted = name.value.trim();
    if (wanted === '') return;
    if (people.names.includes(wanted))
      return say(`${wanted} is enrolled already. Forget that entry first, or use another name.`);
    void act(async () => {
      await enrol(wanted);
      name.value = '';
    }, `${wanted} is enrolled.`);
  });
  remember.addEventListener('change', () => {
    const wanted = remember.checked;
    void act(
      () => people.remember(wanted),
      wanted ? `Remembered for ${KEEP_DAYS} days, in this browser only.` : 'Nothing is kept in this browser any more.',
    );
  });
  select.addEventListener('change', () => {
    rate = Number(select.value);
    describeRate();
  });

  function describeRate(): void {
    const point = manifest?.calibration.verification.find(({ falseMatchRate }) => falseMatchRate === rate);
    if (!point) return;
    const missed = Math.round(100 * point.falseNonMatchRate);
    const warning = missed >= 50 ? ' It misses most: no name does not mean a stranger.' : '';
    const stranger = people.falseIdentificationRate(rate);
    const size =
      stranger === undefined
        ? ''
        : ` Among the ${counted(people.names.length, 'face')} here, a stranger is taken for somebody ${chance(stranger)}.`;
    setText(misses, `Measured: there this model misses the same person ${missed} times in 100.${warning}${size}`);
  }

  function setRates(): void {
    const points = [...(manifest?.calibration.verification ?? [])].sort((a, b) => b.falseMatchRate - a.falseMatchRate);
    const usual = manifest && operatingPoint(manifest.calibration.verification)?.falseMatchRate;
    if (!points.some(({ falseMatchRate }) => falseMatchRate === rate)) rate = usual;
    select.replaceChildren(
      ...points.map(({ falseMatchRate }) =>
        h(
          'option',
          { value: falseMatchRate, selected: falseMatchRate === rate },
          `${Math.round(1 / falseMatchRate).toLocaleString('en')} comparisons`,
        ),
      ),
    );
    select.hidden = points.length === 0;
    if (points.length === 0) {
      setText(misses, 'No threshold was measured for this model: it shows likeness and names nobody.');
    }
    describeRate();
  }

  function update(): void {
    const recognises = manifest !== undefined && current?.embedding !== undefined;
    submit.disabled = busy || !recognises;
    setText(submit, current ? `Enrol face ${current.id}` : 'Enrol this face');
    name.disabled = busy;
    remember.disabled = busy;
    // While it is at work, the box shows what the person wants, not what is so far.
    if (!busy) remember.checked = people.isRemembering;
    for (const control of element.querySelectorAll<HTMLButtonElement>('.people button, .keeping button')) {
      control.disabled = busy;
    }
  }

  function refresh(): void {
    const { names, isRemembering, isKept } = people;
    element.hidden = manifest === undefined && names.length === 0 && !isKept;
    live.hidden = manifest === undefined;
    setText(note, isRemembering ? 'remembered in this browser' : 'known to this page until you leave it');
    rows = new Map(
      names.map((person) => {
        const bar = createBar(person, `Person/${person}`);
        const forget = button('Forget', () => void act(() => people.remove(person), `${person} is forgotten.`), {
          class: 'quiet',
          'aria-label': `Forget ${person}`,
        });
        return [person, { bar, element: h('li', {}, bar.element, forget) }];
      }),
    );
    list.replaceChildren(...[...rows.values()].map((row) => row.element));
    list.hidden = names.length === 0;
    describeRate();
    rateField.hidden = manifest === undefined || names.length === 0;
    keeping.hidden = names.length === 0 && !isKept;
    setText(verdict, '');
    show(current);
  }

  function show(face: TrackedFace | undefined): void {
    current = face;
    update();
    const alike = face ? people.likeness(face, rate) : [];
    const [nearest] = alike;
    const known = face && people.identify(face, rate);
    for (const [person, { bar }] of rows) {
      const match = alike.find(({ id }) => id === person);
      bar.set(match && { fraction: match.similarity, text: decimal(match.similarity), marked: known?.id === person });
    }
    if (!face || rows.size === 0) setText(verdict, '');
    else if (!face.embedding) setText(verdict, 'This model was not trained to tell people apart.');
    else if (rate === undefined) setText(verdict, `Likeness of face ${face.id} to each person.`);
    else if (nearest?.reason) setText(verdict, `Face ${face.id} is seen too poorly to say who it is.`);
    else if (!known && nearest?.verdict === 'unsure') {
      setText(
        verdict,
        `Unsure: face ${face.id} may be ${nearest.id} or a stranger. Likeness ${decimal(nearest.similarity)}, from ${decimal(nearest.threshold ?? 1)} on it counts.`,
      );
    } else if (!known) setText(verdict, `Face ${face.id} is nobody here, as far as this model can tell.`);
    else {
      setText(
        verdict,
        `Face ${face.id} is taken for ${known.id}: likeness ${decimal(known.similarity)}, from ${decimal(known.threshold)} on it counts. A stranger would be taken for somebody here ${chance(known.falseIdentificationRate)}.`,
      );
    }
  }

  refresh();
  return {
    element,
    setManifest(next) {
      manifest = next;
      setRates();
      refresh();
    },
    show,
    nameOf: (face) => people.identify(face, rate)?.id,
    refresh,
    say,
  };
}

/** 0.002 -> "once in 500 times". */
const chance = (rate: number): string => `once in ${Math.round(1 / rate).toLocaleString('en')} times`;
