/** How long work may keep the event loop waiting, in milliseconds: less than a frame. */
const TIME_SLICE = 12;

/** Breaks long work into slices, so that a page stays alive meanwhile: call `rest` between two pieces of it. */
export class Pacer {
  #since = performance.now();

  /** Lets the event loop run, if it has been waiting for long enough. */
  async rest(): Promise<void> {
    if (performance.now() - this.#since < TIME_SLICE) return;
    await nextTask();
    this.#since = performance.now();
  }
}

/** Not a timer where it can be helped: those of hidden pages fire once a second. */
function nextTask(): Promise<void> {
  const { scheduler } = globalThis as { scheduler?: { yield?(): Promise<void> } };
  if (scheduler?.yield) return scheduler.yield();
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
