/** Speaks to screen readers, never more often than a person can listen. */
export interface Announcer {
  /** Says this at once if the last words are long enough ago, else later, unless something newer comes. */
  say(text: string): void;
  /** Drops what waits to be said, and forgets what was said: the same words are spoken again after this. */
  hush(): void;
}

/**
 * @param speak changes the live region
 * @param every shortest time between two changes in milliseconds
 */
export function createAnnouncer(speak: (text: string) => void, every: number): Announcer {
  let spokenAt = Number.NEGATIVE_INFINITY;
  let spoken = '';
  let next = '';
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    timer = undefined;
    if (next === spoken) return;
    spoken = next;
    spokenAt = performance.now();
    speak(next);
  };
  return {
    say(text) {
      next = text;
      if (timer !== undefined) return;
      const wait = spokenAt + every - performance.now();
      if (wait <= 0) flush();
      else timer = setTimeout(flush, wait);
    },
    hush() {
      clearTimeout(timer);
      timer = undefined;
      spoken = '';
      next = '';
    },
  };
}
