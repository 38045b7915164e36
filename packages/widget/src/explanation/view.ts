import { html, nothing, type TemplateResult } from 'lit';
import type { ExplainStrings, Strings } from '../strings/types.js';
import type { AttributeName } from '../value-laden.js';
import type { Explained, Outcome } from './controller.js';
import { explainStrings } from './strings.js';

/** What a task is called: an attribute has no name but the answer yes. */
export function taskName(task: string, strings: Strings): string {
  if (task === 'Age') return strings.age;
  if (task === 'Expression') return strings.expression;
  if (task === 'Gender') return strings.gender;
  return strings.attributes[task as AttributeName] ?? task;
}

const wordsOf = (strings: Strings): ExplainStrings => strings.explanation ?? explainStrings(strings.locale);

/** What the glowing places stand for, and where the brightest is. */
export function said({ explanation: { task, answer }, face, place }: Outcome, strings: Strings): string {
  const { expressions, genders } = strings;
  const explain = wordsOf(strings);
  const words: Readonly<Record<string, string>> = { ...expressions, ...genders };
  const name = words[answer] ?? taskName(task, strings);
  if (!place) return explain.nothing(name);
  const glow =
    task === 'Age'
      ? explain.older
      : face.attributes[task as AttributeName] === false
        ? explain.unseen(name)
        : explain.seen(name);
  return `${glow} ${explain.place(explain.rows[place.row], explain.columns[place.column])}`;
}

function levelRows({ explanation: { levels } }: Outcome, strings: Strings): TemplateResult {
  const explain = wordsOf(strings);
  const percent = new Intl.NumberFormat(strings.locale, { style: 'percent' });
  const most = Math.max(...levels, 1e-9);
  return html`
    <p class="levels-title">${explain.levelsTitle}</p>
    <dl part="levels">
      ${levels.map(
        (level, i) => html`
          <div data-level=${`FM${i + 1}`}>
            <dt>${explain.levels[i]} <bdi>FM${i + 1}</bdi></dt>
            <dd><progress max="1" value=${level / most} aria-hidden="true"></progress>${percent.format(level / most)}</dd>
          </div>
        `,
      )}
    </dl>
  `;
}

/** What the network looked at in one face, for the task that a person chooses. */
export function explanationView(
  explained: Explained,
  strings: Strings,
  onTask: (event: Event) => void,
  onClose: () => void,
): TemplateResult {
  const { label, tasks, task, moment, outcome } = explained;
  const explain = wordsOf(strings);
  const done = typeof outcome === 'object' ? outcome : undefined;
  const title = `${strings.explain}: ${strings.face(label)}`;
  if (done) {
    done.canvas.role = 'img';
    done.canvas.ariaLabel = explain.picture(taskName(task, strings));
    done.canvas.part.add('heat-map');
  }
  return html`
    <div class="explanation" part="explanation" role="group" aria-label=${title} data-task=${task}>
      <p class="name">${title}</p>
      <label>
        <span>${explain.task}</span>
        <select part="task" @change=${onTask}>
          ${tasks.map((each) => html`<option value=${each} ?selected=${each === task}>${taskName(each, strings)}</option>`)}
        </select>
      </label>
      <div class="looked" ?data-busy=${outcome === 'busy'}>
        ${done?.canvas ?? nothing}
        <div>
          <p class="said" aria-live="polite">
            ${done ? said(done, strings) : explain[outcome as Exclude<Explained['outcome'], Outcome>]}
          </p>
          ${done ? levelRows(done, strings) : nothing}
        </div>
      </div>
      <p class="hint">${moment ? explain.moment : nothing} ${explain.hint}</p>
      <button class="quiet" part="close" type="button" @click=${onClose}>${explain.close}</button>
    </div>
  `;
}
