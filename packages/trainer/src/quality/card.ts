import type { FaultReport, StrangersRate } from './measure.js';

/** What was measured on the people of one list. */
export interface SetReport {
  readonly set: string;
  /** Pictures as they are, then with each fault. */
  readonly faults: readonly FaultReport[];
}

const HEADING = '## Recognisability';
const NEXT = '\n## Intended use';
/** Expected false matches without which a share of pairs says nothing. */
const LEAST_EXPECTED = 10;

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const multiples = (value: number) => (value === 0 ? '0' : value.toPrecision(2));

/** Multiples of the promised rate, strictest last; a dash where there are too few pairs to tell. */
const times = (
  rates: readonly StrangersRate[],
  of: (rate: StrangersRate) => { readonly value: number; readonly count: number } | undefined,
): string =>
  [...rates]
    .reverse()
    .map((rate) => {
      const found = of(rate);
      if (!found || found.count * rate.falseMatchRate < LEAST_EXPECTED) return '-';
      return multiples(found.value / rate.falseMatchRate);
    })
    .join(' / ');

function row({ fault, faces, recognisable, rates }: FaultReport): string {
  const before = times(rates, ({ before, answeredSame }) => ({ value: before, count: answeredSame.count }));
  const after = times(rates, ({ answeredSame }) => answeredSame);
  const left = times(rates, ({ amongRecognisable }) => amongRecognisable);
  return `| ${fault} | ${faces} | ${percent(recognisable)} | ${before} | ${after} | ${left} |`;
}

/** All of a set's faults taken together: pairs are of two pictures with the same fault. */
function together(faults: readonly FaultReport[], fault: string): FaultReport {
  const faces = faults.reduce((sum, report) => sum + report.faces, 0);
  const total = (of: (report: FaultReport) => number) => faults.reduce((sum, report) => sum + of(report), 0);
  const estimate = (of: (report: FaultReport) => { value: number; count: number } | undefined) => {
    const count = total((report) => of(report)?.count ?? 0);
    const value = total((report) => (of(report)?.value ?? 0) * (of(report)?.count ?? 0)) / Math.max(1, count);
    return { value, count, low: 0, high: 1 };
  };
  return {
    fault,
    faces,
    recognisable: total((report) => report.recognisable * report.faces) / faces,
    rates: (faults[0]?.rates ?? []).map(({ falseMatchRate }, i) => {
      const pairs = (report: FaultReport) => report.rates[i]?.answeredSame.count ?? 0;
      return {
        falseMatchRate,
        before: estimate((report) => ({ value: report.rates[i]?.before ?? 0, count: pairs(report) })).value,
        answeredSame: estimate((report) => report.rates[i]?.answeredSame),
        amongRecognisable: estimate((report) => report.rates[i]?.amongRecognisable),
      };
    }),
  };
}

/** The card's section: which faces count as good enough, and how strangers fare whose pictures are poor. */
export function recognisabilitySection(reports: readonly SetReport[], learnt: readonly string[]): string {
  const rates = reports[0]?.faults[0]?.rates.map(({ falseMatchRate }) => String(falseMatchRate)).reverse() ?? [];
  return [
    HEADING,
    'The thresholds above hold for faces like those they were measured on. A score on the embedding and its length, fitted to',
    'faces as they are and with drawn faults, tells which are: below one half a face is not recognisable, and nothing is decided',
    'about it. Strangers whose pictures both have one fault, in multiples of the false match rate that is promised, at',
    `${rates.join(' / ')} (a dash: too few pairs to tell). "Same" is said only where both faces are recognisable. The cut`,
    'gives up three in a hundred faces of people of the training set who were not fitted to.',
    ...reports.flatMap(({ set, faults }) => [
      '',
      `| ${set}, one picture a person | faces | recognisable | alike before | answered "same" | alike among the recognisable |`,
      '|---|---|---|---|---|---|',
      ...faults.map(row),
      row(
        together(
          faults.filter(({ fault }) => learnt.includes(fault)),
          'all learnt faults together',
        ),
      ),
    ]),
    '',
    'All faults are drawn. Real masks, hands, scarves and pictures of pictures were not measured and may not be told.',
    '',
  ].join('\n');
}

/** A card with this section in place of the old one, or before the intended use. */
export function withSection(card: string, section: string): string {
  const start = card.indexOf(HEADING);
  const end = card.indexOf(NEXT, Math.max(0, start));
  if (end < 0) return `${card.trimEnd()}\n\n${section}`;
  return `${card.slice(0, start < 0 ? end + 1 : start)}${section}${card.slice(end)}`;
}
