import { harnessWorker } from './build.js';

/** Imports the SDK's worker after a script of one's own has run in it. */
async function workerAfter(script: string): Promise<string> {
  return `
    ${script}
    // What is posted while the worker's own code loads is kept for it.
    const early = [];
    onmessage = (event) => early.push(event);
    await import('${await harnessWorker()}');
    onmessage = null;
    for (const { data, ports } of early) dispatchEvent(new MessageEvent('message', { data, ports: [...ports] }));
  `;
}

/** A worker whose GPU device is destroyed by a message on the channel "lose". */
export const losingWorker = (): Promise<string> =>
  workerAfter(`
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...options) {
      const device = await request.apply(this, options);
      new BroadcastChannel('lose').onmessage = () => device.destroy();
      return device;
    };
  `);

/** A worker that closes itself, or throws what nobody catches, by a message "close" or "throw" on the channel "end". */
export const endingWorker = (): Promise<string> =>
  workerAfter(`
    new BroadcastChannel('end').onmessage = ({ data }) => {
      if (data === 'throw') throw new Error('out of memory');
      close();
    };
  `);
