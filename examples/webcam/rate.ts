const WINDOW_MS = 2000;

/** Counts how often something happens per second, over the last two seconds. */
export function createRate(now: () => number = () => performance.now()): { tick(): number } {
  const times: number[] = [];
  return {
    tick() {
      const time = now();
      times.push(time);
      while (times.length > 2 && time - (times[0] ?? time) > WINDOW_MS) times.shift();
      const span = time - (times[0] ?? time);
      return span > 0 ? ((times.length - 1) * 1000) / span : 0;
    },
  };
}
