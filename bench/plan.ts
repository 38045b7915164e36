/** One engine at one batch size, before it is measured. */
export interface Candidate {
  readonly engine: string;
  readonly batch: number;
  /** What a run is expected to take, milliseconds. */
  readonly expected: number;
  /** Its first run is behind it. */
  readonly started: boolean;
}

/** Measured runs after the first that make a spread; cells get these before any gets more. */
const LEAST_ROUNDS = 3;

/** What a plan may spend. */
export interface Allowance {
  /** For all candidates together. */
  readonly milliseconds: number;
  /** Measured runs of each, at most. */
  readonly rounds: number;
  /** For the measured runs of each, beyond the least. */
  readonly cellMilliseconds: number;
}

/**
 * How many runs each candidate gets after its first: 0 for a first run alone, undefined where not even that fits. Time goes
 * to the quick before the slow, and to breadth before depth: first one run of everything, then the few that make a spread,
 * then what each cell's own allowance has room for.
 */
export function planRounds(
  candidates: readonly Candidate[],
  { milliseconds, rounds, cellMilliseconds }: Allowance,
): Map<Candidate, number | undefined> {
  const least = Math.min(LEAST_ROUNDS, rounds);
  const quickFirst = [...candidates].sort((a, b) => a.expected - b.expected);
  const planned = new Map<Candidate, number | undefined>(quickFirst.map((candidate) => [candidate, undefined]));
  let left = milliseconds;
  const grant = (candidate: Candidate, total: number, cost: number) => {
    if (cost > left) return;
    planned.set(candidate, total);
    left -= cost;
  };
  for (const candidate of quickFirst) grant(candidate, 0, candidate.started ? 0 : candidate.expected);
  for (const candidate of quickFirst) {
    if (planned.get(candidate) === 0) grant(candidate, least, least * candidate.expected);
  }
  for (const candidate of quickFirst) {
    const { expected } = candidate;
    if (planned.get(candidate) !== least || least === 0) continue;
    const more = Math.floor(Math.min(rounds, cellMilliseconds / expected, least + left / expected)) - least;
    if (more > 0) grant(candidate, least + more, more * expected);
  }
  return planned;
}
