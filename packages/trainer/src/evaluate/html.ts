import { EPSILON_SIGMA } from './age.js';
import type { AttributesReport, ClassReport } from './classification.js';
import type { DatasetReport, VerificationReport } from './dataset-report.js';
import type { GroupReport } from './groups.js';
import { confusionTable, escapeHtml, intervalBar, linePlot } from './plots.js';
import type { EvaluationReport } from './report.js';
import type { Estimate } from './statistics.js';

const percent = (v: number, digits = 2): string => `${(100 * v).toFixed(digits)} %`;
const years = (v: number): string => `${v.toFixed(2)} years`;
const rate = (v: number): string => (v === 0 ? '0' : v.toExponential(0));
const scientific = (v: number): string => (v === 0 ? '0' : v.toExponential(1));
const estimate = ({ value, low, high }: Estimate, show: (v: number) => string): string =>
  `<strong>${show(value)}</strong> <small>${show(low)} to ${show(high)}</small>`;

const STYLE = `
:root { color-scheme: light dark; --accent: #0b7285; --second: #c2410c; --third: #6d28d9; --line: #8884; }
@media (prefers-color-scheme: dark) { :root { --accent: #4cc3d9; --second: #fb923c; --third: #a78bfa; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1060px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.25rem; margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1.2rem; } h3 { font-size: 1rem; margin-top: 1.8rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } th, td { padding: .2rem .6rem; text-align: left; border-bottom: 1px solid var(--line); }
.scroll { overflow-x: auto; } .confusion td { text-align: right; min-width: 2.4rem; } .confusion th { font-weight: normal; }
caption { caption-side: bottom; text-align: left; } small, caption, figcaption { opacity: .7; font-size: .85em; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; flex: 1 1 380px; max-width: 480px; }
svg text { font-size: 11px; fill: currentColor; } svg .grid { stroke: var(--line); stroke-width: 1; }
.bar { width: 120px; height: 12px; vertical-align: middle; } .bar rect { fill: var(--accent); opacity: .45; } .bar line { stroke: currentColor; stroke-width: 2; }
.yes { color: #15803d; } .no { color: var(--second); }
@media (prefers-color-scheme: dark) { .yes { color: #4ade80; } }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; } dd { margin: 0; }`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<div class="scroll"><table><thead><tr>${head.map((h) => `<th scope="col">${h}</th>`).join('')}</tr></thead><tbody>${rows
    .map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`)
    .join('')}</tbody></table></div>`;

function comparisonSection({ comparisons }: EvaluationReport): string {
  if (comparisons.length === 0) return '';
  const rows = comparisons.map(({ set, what, value, unit, goal, reached, others }) => {
    const show = unit === 'years' ? years : (v: number) => percent(v, 1);
    const beside = Object.entries(others).map(([name, v]) => `${escapeHtml(name)}: ${show(v)}`);
    const mark = reached ? '<span class="yes">reached</span>' : '<span class="no">not reached</span>';
    return [
      escapeHtml(`${set}, ${what}`),
      `<strong>${show(value)}</strong>`,
      `${show(goal)} ${mark}`,
      beside.join('<br>'),
    ];
  });
  return `<h2>Against the goals and other libraries</h2>${table(['measure', 'here', 'goal', 'others, on other faces of the same set'], rows)}`;
}

function verificationSection({ pairs, all, strictest, kept, reject }: VerificationReport): string {
  const parts = ['<h3>Same person or not</h3>'];
  if (pairs) {
    parts.push(
      `<p>${pairs.pairs} pairs in ten folds, threshold from the other nine: <strong>${percent(pairs.accuracy)}</strong> ± ${percent(pairs.standardError)} with the mirrored face added, ${percent(pairs.single.accuracy)} ± ${percent(pairs.single.standardError)} with the face alone.${pairs.missing > 0 ? ` ${pairs.missing} pairs were left out: an image is not in the set.` : ''}</p>`,
    );
  }
  if (all) {
    const rows = all.rates.map((point) => [
      rate(point.target),
      point.falseMatchRate.toExponential(2),
      percent(point.falseNonMatchRate),
      point.threshold.toFixed(4),
    ]);
    const lowest = Math.max(1 / all.impostor, 1e-6);
    parts.push(
      `<p>Every two faces of the set: ${all.genuine} pairs of one person, ${all.impostor} pairs of strangers; rates that fewer than ten pairs of strangers would decide are left out.</p>`,
      table(['false match rate', 'reached', 'false non-match rate', 'cosine threshold'], rows),
      `<div class="plots">${linePlot(
        'True matches found against false match rate',
        { x: 'false match rate', y: 'true match rate', xRange: [lowest, 1], yRange: [0, 1], logX: true },
        [{ name: 'cosine', points: all.roc.map((p) => [p.falseMatchRate, 1 - p.falseNonMatchRate]) }],
      )}</div>`,
    );
  }
  if (strictest.length > 0) {
    parts.push(
      '<p>Thresholds that hold each rate for all strangers, for those of one sex and age band, and within each band with pairs enough; the strictest decides.</p>',
      table(
        ['false match rate', 'decided by', 'their pairs', 'false matches', 'false non-match rate', 'cosine threshold'],
        strictest.map(({ target, group, matches, misses, threshold }) => [
          rate(target),
          escapeHtml(group),
          String(matches.count),
          estimate(matches, scientific),
          estimate(misses, percent),
          threshold.toFixed(4),
        ]),
      ),
    );
  }
  if (kept.length > 0) {
    parts.push(
      "<p>What the manifest's thresholds come to here:</p>",
      table(
        ['promised', 'strangers', 'pairs', 'false match rate', 'cosine threshold'],
        kept.map(({ falseMatchRate, group, matches, threshold }) => [
          rate(falseMatchRate),
          escapeHtml(group),
          String(matches.count),
          estimate(matches, scientific),
          threshold.toFixed(4),
        ]),
      ),
      '<p><small>95 % intervals that allow for each person being in many pairs.</small></p>',
    );
  }
  if (reject.length > 0) {
    parts.push(
      "<p>Pairs of one person that are missed at the manifest's threshold nearest to one in a thousand, as the least recognisable faces are rejected:</p>",
      table(
        ['faces rejected', 'pairs left', 'false non-match rate'],
        reject.map(({ rejected, misses }) => [percent(rejected), String(misses.count), estimate(misses, percent)]),
      ),
    );
  }
  return parts.join('');
}

/** Which sigma the ε-error was computed with. */
function sigmas(own: number): string {
  if (own === 0) return `σ = ${EPSILON_SIGMA}`;
  return own === 1 ? "each label's σ" : `each label's σ, which ${percent(own)} have; ${EPSILON_SIGMA} otherwise`;
}

function ageSection({ age }: DatasetReport): string {
  if (!age) return '';
  const coverage =
    age.intervalCoverage === undefined
      ? ''
      : `<dt>labels inside the 80 % interval</dt><dd>${percent(age.intervalCoverage, 1)}</dd>`;
  return `<h3>Apparent age</h3><dl><dt>mean absolute error</dt><dd>${estimate(age.meanAbsoluteError, years)}</dd><dt>mean squared error</dt><dd>${age.meanSquaredError.toFixed(1)}</dd><dt>bias</dt><dd>${years(age.bias)}</dd><dt>ε-error (${sigmas(age.ownSigma)})</dt><dd>${age.epsilonError.toFixed(3)}</dd>${coverage}</dl><div class="plots">${linePlot(
    'Cumulative score: share of faces with an absolute error below so many years',
    { x: 'years', y: 'CS', xRange: [0, 20], yRange: [0, 1] },
    [{ name: 'age', points: age.cumulativeScore.map((v, i) => [i, v]) }],
  )}</div>`;
}

function classSection(title: string, report: ClassReport, note = ''): string {
  const bins = report.reliability.filter(({ count }) => count > 0);
  return `<h3>${title}</h3><p>${estimate(report.accuracy, percent)} of ${report.accuracy.count} faces; balanced ${percent(report.balancedAccuracy)}; expected calibration error ${percent(report.calibrationError)}.${note}</p><div class="plots"><div class="scroll">${confusionTable(report.labels, report.confusion)}</div>${linePlot(
    'Reliability: how often the likeliest class is right, by its probability',
    { x: 'probability', y: 'share right', xRange: [0, 1], yRange: [0, 1] },
    [
      { name: 'measured', points: bins.map(({ confidence, accuracy }) => [confidence, accuracy]) },
      {
        name: 'ideal',
        points: [
          [0, 0],
          [1, 1],
        ],
      },
    ],
  )}</div>`;
}

function attributesSection({ byAttribute, accuracy, balancedAccuracy, majority, count }: AttributesReport): string {
  const rows = Object.entries(byAttribute)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, report]) => [
      escapeHtml(name),
      `${intervalBar(report.accuracy.value, report.accuracy.low, report.accuracy.high, [0.5, 1])} ${percent(report.accuracy.value, 1)}`,
      percent(report.balancedAccuracy, 1),
      percent(report.positive, 1),
      percent(Math.max(report.positive, 1 - report.positive), 1),
      percent(report.calibrationError, 1),
    ]);
  return `<h3>Attributes</h3><p>Mean accuracy <strong>${percent(accuracy)}</strong>, balanced ${percent(balancedAccuracy)}, over ${rows.length} attributes of ${count} faces; always answering what most faces have gives ${percent(majority)}.</p>${table(['attribute', 'accuracy (bar from 50 %)', 'balanced', 'have it', 'always the majority', 'calibration error'], rows)}`;
}

function groupsSection(groups: readonly GroupReport[]): string {
  if (groups.length === 0) return '';
  const widest = Math.max(...groups.map(({ age }) => age?.high ?? 0));
  const rows = groups.map(({ group, faces, age, genderAccuracy }) => [
    escapeHtml(group),
    String(faces),
    age
      ? `${intervalBar(age.value, age.low, age.high, [0, widest])} ${age.value.toFixed(1)} <small>${age.low.toFixed(1)} to ${age.high.toFixed(1)}</small>`
      : '',
    genderAccuracy
      ? `${intervalBar(genderAccuracy.value, genderAccuracy.low, genderAccuracy.high, [0.5, 1])} ${estimate(genderAccuracy, (v) => percent(v, 1))}`
      : '',
  ]);
  return `<h3>By group</h3>${table(['group', 'faces', 'age, mean absolute error in years', 'gender accuracy (bar from 50 %)'], rows)}<p><small>95 % intervals: bootstrap for ages, Wilson for shares. Small groups say little.</small></p>`;
}

function datasetSection(report: DatasetReport): string {
  const { name, split, faces, unlocated, skipped, verification, gender, race, expression, attributes, groups } = report;
  const notes = [
    `${faces} faces (${escapeHtml(split)})`,
    ...(unlocated > 0 ? [`${unlocated} of them without landmarks, judged at the set's mean landmarks`] : []),
    ...(skipped.length > 0 ? [`${skipped.length} images could not be read`] : []),
  ];
  const undecided =
    expression && expression.undecided > 0
      ? ` ${expression.undecided} faces on which the taggers did not settle are not judged.`
      : '';
  return `<section><h2>${escapeHtml(name)}</h2><p>${notes.join('; ')}.</p>${verification ? verificationSection(verification) : ''}${ageSection(report)}${gender ? classSection('Gender', gender) : ''}${race ? classSection('Race, for studies of bias', race) : ''}${expression ? classSection('Expression', expression, undecided) : ''}${attributes ? attributesSection(attributes) : ''}${groupsSection(groups)}</section>`;
}

function importanceSection({ importance }: EvaluationReport): string {
  if (importance.length === 0) return '';
  const rows = importance.map(({ subnet, levels }) => {
    const most = Math.max(...levels);
    return [escapeHtml(subnet), ...levels.map((v) => `${intervalBar(v / most, 0, 0, [0, 1])} ${v.toFixed(3)}`)];
  });
  return `<h2>What each subnet looks at</h2><p>Mean of a subnet's features by the level of the network they come from: FM1 is fine, FM4 is coarse.</p>${table(['subnet', 'FM1', 'FM2', 'FM3', 'FM4'], rows)}`;
}

/** The report as one page that needs nothing else. */
export function htmlReport(report: EvaluationReport): string {
  const { model, datasets } = report;
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Evaluation of ${escapeHtml(model.id)}</title><style>${STYLE}</style></head><body><h1>Evaluation of ${escapeHtml(model.id)}</h1><p>${escapeHtml(model.name)}, ${escapeHtml(model.licence)}${model.synthetic ? '. <strong>Synthetic weights: the figures mean nothing.</strong>' : ''}</p>${comparisonSection(report)}${datasets.map(datasetSection).join('')}${importanceSection(report)}</body></html>\n`;
}
