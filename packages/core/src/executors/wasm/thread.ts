/** One of the threads that compute the network together; started by `ThreadPool`, ended by being terminated. */
import { bindKernels } from './module.js';
import { runStep } from './steps.js';
import { CONTROL, sharesFor, type ThreadMessage, type ThreadSetup } from './thread-protocol.js';

/** Looks at the barrier before the thread goes to sleep: others are usually done within microseconds. */
const SPINS = 2000;

globalThis.onmessage = async ({ data }: MessageEvent<ThreadSetup>) => {
  const { module, memory, steps, threads, scratch, first } = data;
  const control = new Int32Array(data.control);
  const kernels = await bindKernels({ module }, memory);
  const post = (message: ThreadMessage) => globalThis.postMessage(message);

  const barrier = () => {
    const number = Atomics.load(control, CONTROL.barrier);
    if (Atomics.add(control, CONTROL.arrived, 1) + 1 === threads) {
      Atomics.store(control, CONTROL.arrived, 0);
      Atomics.add(control, CONTROL.barrier, 1);
      Atomics.notify(control, CONTROL.barrier);
      return;
    }
    for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(control, CONTROL.barrier) !== number) return;
    Atomics.wait(control, CONTROL.barrier, number);
  };

  post('ready');
  for (let run = 0; ; ) {
    Atomics.wait(control, CONTROL.run, run);
    run = Atomics.load(control, CONTROL.run);
    const faces = Atomics.load(control, CONTROL.faces);
    steps.forEach((planned, index) => {
      const shares = sharesFor(planned, faces, threads);
      for (;;) {
        const share = Atomics.add(control, CONTROL.next + index, 1);
        if (share >= shares) break;
        runStep(kernels, planned.step, faces, share, shares, scratch);
      }
      barrier();
    });
    if (first) post('done');
  }
};
