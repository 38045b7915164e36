interface Task {
  readonly start: number;
  readonly duration: number;
}

const tasks: Task[] = [];
new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) tasks.push({ start: startTime, duration });
}).observe({ type: 'longtask' });

/** The longest task of the main thread that started since `since`, in milliseconds; 0 where none took over 50. */
export async function longestTask(since: number): Promise<number> {
  // Entries arrive after their task has ended.
  await new Promise((resolve) => setTimeout(resolve, 100));
  return Math.max(0, ...tasks.filter(({ start }) => start >= since - 1).map(({ duration }) => duration));
}
