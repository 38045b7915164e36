/** Times of one runner, in the order of the rounds. */
interface Runner<T> {
  readonly candidate: T;
  readonly times: number[];
}

interface RaceRules {
  /** How many times a candidate runs that has not lost. */
  readonly rounds: number;
  /** How much less time than the default's the winner must take in the median, as a fraction. */
  readonly margin: number;
}

const RULES: RaceRules = { rounds: 3, margin: 0.1 };

/**
 * The fastest candidate; in doubt the first one, the default. Another must be faster in every round, and by a margin in
 * the median, so that a disturbance alone changes nothing. Rounds are interleaved, because the load on the device changes
 * with time.
 *
 * @param measure time of one run, in any unit; what it throws ends the race
 */
export async function race<T>(
  candidates: readonly [T, ...T[]],
  measure: (candidate: T) => Promise<number>,
  { rounds, margin }: RaceRules = RULES,
): Promise<T> {
  const runners = candidates.map((candidate): Runner<T> => ({ candidate, times: [] }));
  const [reigning, ...challengers] = runners as [Runner<T>, ...Runner<T>[]];
  let running = challengers;
  for (let round = 0; round < rounds; round++) {
    for (const runner of [reigning, ...running]) runner.times.push(await measure(runner.candidate));
    // Who lost a round cannot win any more.
    running = running.filter(({ times }) => (times[round] as number) < (reigning.times[round] as number));
  }
  const goal = median(reigning.times) * (1 - margin);
  const [winner] = running
    .filter(({ times }) => median(times) <= goal)
    .sort((a, b) => median(a.times) - median(b.times));
  return (winner ?? reigning).candidate;
}

function median(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[sorted.length % 2 ? middle : middle - 1] ?? 0, sorted[middle] ?? 0];
  return (low + high) / 2;
}
