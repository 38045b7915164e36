import { describe, expect, it } from 'vitest';
import { untilAborted } from '../../src/abort.js';

describe('untilAborted', () => {
  it('passes on what the promise gives, and leaves no listener', async () => {
    const controller = new AbortController();
    const listeners = new Set<unknown>();
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    signal.addEventListener = (type: string, listener: EventListener) => {
      listeners.add(listener);
      add(type, listener);
    };
    const remove = signal.removeEventListener.bind(signal);
    signal.removeEventListener = (type: string, listener: EventListener) => {
      listeners.delete(listener);
      remove(type, listener);
    };
    expect(await untilAborted(Promise.resolve(7), signal)).toBe(7);
    await expect(untilAborted(Promise.reject(new Error('x')), signal)).rejects.toThrow('x');
    expect(listeners.size).toBe(0);
    controller.abort('late');
    await expect(untilAborted(new Promise(() => {}), signal)).rejects.toBe('late');
  });
});
