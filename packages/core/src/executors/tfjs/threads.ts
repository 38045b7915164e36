/** How long a worker of two lines may take to answer, in milliseconds. */
const PATIENCE = 3000;

/**
 * Whether this page lets tfjs start the threads of its wasm backend: workers whose script is a blob and which import
 * another one. Where a Content-Security-Policy stops them, tfjs would never stop waiting for its threads.
 */
export async function allowsBlobThreads(): Promise<boolean> {
  if (typeof Worker !== 'function' || typeof URL.createObjectURL !== 'function') return false;
  const address = (code: string) => URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
  const imported = address('');
  const script = address(`importScripts(${JSON.stringify(imported)}); postMessage('allowed');`);
  let worker: Worker | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const started = new Worker(script);
    worker = started;
    return await new Promise<boolean>((resolve) => {
      started.onmessage = () => resolve(true);
      started.onerror = (event) => {
        event.preventDefault();
        resolve(false);
      };
      timer = setTimeout(() => resolve(false), PATIENCE);
    });
  } catch {
    return false; // some browsers throw for what others tell in an event
  } finally {
    clearTimeout(timer);
    worker?.terminate();
    URL.revokeObjectURL(script);
    URL.revokeObjectURL(imported);
  }
}
