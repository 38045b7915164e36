import { describe, expect, it } from 'vitest';
import { TaskQueue, untilAborted } from '../../src/abort.js';
import { gate } from '../support/locator.js';

const never = new AbortController().signal;

describe('TaskQueue', () => {
  it('runs tasks in order, one at a time, past those that fail', async () => {
    const queue = new TaskQueue();
    const log: string[] = [];
    const task = (name: string) => async () => {
      log.push(`${name} begins`);
      await Promise.resolve();
      log.push(`${name} ends`);
      if (name === 'b') throw new Error('b failed');
      return name;
    };
    expect(queue.idle).toBe(true);
    const results = ['a', 'b', 'c'].map((name) => queue.run(task(name), never));
    expect(queue.idle).toBe(false);
    expect(await Promise.allSettled(results)).toMatchObject([
      { value: 'a' },
      { reason: { message: 'b failed' } },
      { value: 'c' },
    ]);
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
    await queue.drained();
    expect(queue.idle).toBe(true);
  });

  it('never begins a task that was aborted while it waited', async () => {
    const queue = new TaskQueue();
    const { closed, release } = gate();
    const first = queue.run(() => closed, never);
    const controller = new AbortController();
    let begun = false;
    const second = queue.run(async () => {
      begun = true;
    }, controller.signal);
    controller.abort('no');
    await expect(second).rejects.toBe('no');
    release();
    await first;
    await queue.drained();
    expect(begun).toBe(false);
    expect(queue.idle).toBe(true);
  });

  it('is busy until an aborted task has really ended', async () => {
    const queue = new TaskQueue();
    const { closed, release } = gate();
    const controller = new AbortController();
    const task = queue.run(() => closed, controller.signal);
    await Promise.resolve();
    controller.abort('no');
    await expect(task).rejects.toBe('no');
    expect(queue.idle).toBe(false);
    release();
    await queue.drained();
    expect(queue.idle).toBe(true);
  });
});

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
